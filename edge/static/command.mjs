// Commands from forms, and what a button may say of them. No DOM in here.

/** Acts that cannot be taken back need the daemon's word before anybody does them. */
const IRREVOCABLE = new Set(["label", "hand_over", "release", "reject", "mark_ready", "expire"]);

export function isIrrevocable(command) {
  return IRREVOCABLE.has(command.do);
}

/**
 * Fields of a command from the entries of a form: `[name, text, kind]`. A name with a dot makes an inner object, one
 * ending in `[]` a list. Empty fields are left out. Kinds: `text`, `number`, `flag`.
 */
export function fieldsFrom(entries) {
  const fields = {};
  for (const [name, text, kind] of entries) {
    const value = read(String(text).trim(), kind);
    if (value === undefined) continue;
    if (name.endsWith("[]")) {
      const list = name.slice(0, -2);
      fields[list] = [...(fields[list] ?? []), value];
      continue;
    }
    const parts = name.split(".");
    const last = parts.pop();
    const owner = parts.reduce((object, part) => (object[part] ??= {}), fields);
    owner[last] = value;
  }
  return fields;
}

function read(text, kind) {
  if (text === "") return undefined;
  if (kind === "number") return Number.isFinite(Number(text)) ? Number(text) : undefined;
  if (kind === "flag") return text === "true";
  return text;
}

/** Quantities at the counter: what is given now and what is left over, line by line. */
export function splitHandover(lines) {
  const given = [];
  const left = [];
  for (const { line, available, give } of lines) {
    const taken = Math.max(0, Math.min(give, available));
    if (taken > 0) given.push({ line, qty: taken });
    if (taken < available) left.push({ line, qty: available - taken });
  }
  return { given, left };
}
