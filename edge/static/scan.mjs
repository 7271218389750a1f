// From keystrokes to a scan, and from a scan to the codes a product may be known by. No DOM in here.

/** A wedge types faster than any person: mean time between keys, in milliseconds. */
export const WEDGE_GAP_MS_MAX = 50;
/** Keys that belong to one scan come without a pause longer than this. */
export const SCAN_PAUSE_MS = 400;
/** Longer than any symbology in use; more is a stuck key or a hostile code. */
export const SCAN_LENGTH_MAX = 512;

const GROUP_SEPARATOR = "\u001d";

/** Gathers keys until Enter or Tab. `key` returns the finished scan or null. */
export class ScanAssembler {
  #keys = [];
  #firstAt = 0;
  #lastAt = 0;
  #tooLong = false;

  /** One key as a keyboard event names it, with its time in milliseconds. */
  key(name, at, { ctrl = false } = {}) {
    if (name === "Enter" || name === "Tab") return this.#finish(at);
    const character = ctrl && name === "]" ? GROUP_SEPARATOR : name;
    if (character.length !== 1 || (ctrl && character !== GROUP_SEPARATOR)) return null;
    if (this.#keys.length > 0 && at - this.#lastAt > SCAN_PAUSE_MS && this.#isWedge()) {
      // The head of a scan whose Enter was lost must not become part of the next one.
      this.clear();
    }
    if (this.#keys.length === 0) this.#firstAt = at;
    if (this.#keys.length >= SCAN_LENGTH_MAX) {
      this.#tooLong = true;
      return null;
    }
    this.#keys.push(character);
    this.#lastAt = at;
    return null;
  }

  /** Text that an input method put in at once, without key events. */
  paste(text, at) {
    for (const character of text) this.key(character, at);
  }

  clear() {
    this.#keys = [];
    this.#tooLong = false;
  }

  get text() {
    return this.#keys.join("");
  }

  #isWedge() {
    const count = this.#keys.length;
    return count >= 3 && (this.#lastAt - this.#firstAt) / (count - 1) <= WEDGE_GAP_MS_MAX;
  }

  #finish(at) {
    const text = this.text.trim();
    const tooLong = this.#tooLong;
    const wedge = this.#isWedge() || text.startsWith("]");
    this.clear();
    if (text === "") return null;
    if (tooLong) return { error: "too_long", text: text.slice(0, 40), at };
    return { ...classify(text), wedge, at };
  }
}

const SYMBOLOGIES = {
  C0: "code128", C1: "gs1_128", e0: "gs1_databar", d1: "datamatrix", d2: "gs1_datamatrix",
  Q1: "qr", Q3: "gs1_qr", J1: "gs1_dotcode", E0: "ean13", E4: "ean8",
};

/** Splits off an AIM identifier: classified first, stripped then. */
export function classify(text) {
  const aim = /^\]([A-Za-z][0-9A-Za-z])/.exec(text);
  if (!aim) return { symbology: "unknown", text };
  return { symbology: SYMBOLOGIES[aim[1]] ?? "unknown", text: text.slice(3) };
}

/** Whether the last digit is the check digit of a GTIN or SSCC of this length. */
export function hasCheckDigit(digits) {
  if (!/^(\d{8}|\d{12}|\d{13}|\d{14}|\d{18})$/.test(digits)) return false;
  let sum = 0;
  for (let at = 0; at < digits.length - 1; at += 1) {
    const weight = (digits.length - 1 - at) % 2 === 1 ? 3 : 1;
    sum += Number(digits[at]) * weight;
  }
  return (10 - (sum % 10)) % 10 === Number(digits.at(-1));
}

/** The code to compare by: a GTIN of any length as 14 digits, everything else as it is. */
export function comparable(code) {
  return /^\d{8,14}$/.test(code) && hasCheckDigit(code) ? code.padStart(14, "0") : code;
}

/** The product code inside a scan: the GTIN of an element string or Digital Link, else the text itself. */
export function productCode(scan) {
  const gs1 = scan.symbology.startsWith("gs1_");
  const element = /^\u001d?01(\d{14})/.exec(scan.text);
  if (element && (gs1 || scan.text.length > 16) && hasCheckDigit(element[1])) return element[1];
  const bracketed = /^\(01\)(\d{14})/.exec(scan.text);
  if (bracketed && hasCheckDigit(bracketed[1])) return bracketed[1];
  const link = /^https?:\/\/[^?#]+\/01\/(\d{8,14})(?=[/?#]|$)/.exec(scan.text);
  if (link && hasCheckDigit(link[1])) return link[1];
  return scan.text;
}

/** A queue of scans worked off one after the other: taking a scan in never waits for the one before. */
export class ScanQueue {
  #waiting = [];
  #running = false;
  #work;

  constructor(work) {
    this.#work = work;
  }

  get length() {
    return this.#waiting.length;
  }

  push(scan) {
    this.#waiting.push(scan);
    if (!this.#running) void this.#run();
  }

  async #run() {
    this.#running = true;
    while (this.#waiting.length > 0) {
      try {
        await this.#work(this.#waiting.shift());
      } catch (error) {
        // One scan that cannot be worked must not swallow those behind it.
        console.error("scan", error);
      }
    }
    this.#running = false;
  }
}
