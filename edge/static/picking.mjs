// What the picking screen knows: the daemon's last word plus the commands it has not answered yet. No DOM in here.
import { comparable, productCode } from "./scan.mjs";

/** The lines with the effect of commands that wait in the outbox. `lines` itself is left as it is. */
export function withWaiting(lines, commands, caseId) {
  const next = lines.map((line) => ({ ...line }));
  for (const command of commands) {
    if (command.case !== caseId) continue;
    const line = next.find((entry) => entry.line === command.line);
    if (!line) continue;
    if (command.do === "pick") move(line, "open", "picked", command.qty);
    if (command.do === "unpick") move(line, "picked", "open", command.qty);
    if (command.do === "short") move(line, "open", "short", command.qty);
  }
  return next;
}

function move(line, from, to, qty) {
  const moved = Math.min(qty, line[from]);
  line[from] -= moved;
  line[to] += moved;
}

/** Units done and units to do, for "x of y". Units nobody wants any more count for neither. */
export function progress(lines) {
  const done = lines.reduce((sum, line) => sum + line.picked + line.short, 0);
  const open = lines.reduce((sum, line) => sum + line.open, 0);
  return { done, all: done + open, open };
}

/** The line to show: the chosen one while it is open, else the next open one in walk order. */
export function currentLine(lines, chosen) {
  const kept = lines.find((line) => line.line === chosen && line.open > 0);
  return kept ?? lines.find((line) => line.open > 0) ?? null;
}

/**
 * What a scan means for this case: `{line, qty, code}`, or `{wrong, …}` with the reason:
 * `too_long`, `not_in_order`, `already_complete` or `pack_too_large`.
 */
export function readScan(lines, scan, chosen) {
  if (scan.error) return { wrong: scan.error, code: scan.text };
  const code = productCode(scan);
  const wanted = comparable(code);
  const hits = lines.flatMap((line) =>
    line.barcodes
      .filter((barcode) => comparable(barcode.code) === wanted)
      .map((barcode) => ({ line, qty: barcode.qty })),
  );
  if (hits.length === 0) return { wrong: "not_in_order", code };
  const open = hits.filter((hit) => hit.line.open > 0);
  if (open.length === 0) return { wrong: "already_complete", code, title: hits[0].line.title };
  const hit = open.find((entry) => entry.line.line === chosen) ?? open[0];
  if (hit.qty > hit.line.open) {
    return { wrong: "pack_too_large", code, qty: hit.qty, open: hit.line.open, title: hit.line.title };
  }
  return { line: hit.line.line, qty: hit.qty, code };
}

/** The end of the code that is expected, for the eye: enough to compare, too little to type from memory. */
export function tail(code, digits = 5) {
  return code.length > digits ? code.slice(-digits) : code;
}

/** A container's name as people say it: those named after their case carry 32 digits that nobody reads. */
export function shortName(container) {
  return container.replace(/^[0-9a-f]{28}([0-9a-f]{4}-[bp]\d+)$/, "…$1");
}

/** The command that undoes a pick. */
export function undoOf(pick) {
  const { line, qty, container, location } = pick;
  return { case: pick.case, do: "unpick", line, qty, container, location };
}
