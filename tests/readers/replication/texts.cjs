// Texts of entries, said in full or like others: docs/protocol.md, "Texts".
'use strict';

const { Refused, Unheard } = require('./frame.cjs');

const SLOT = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?:[0-9a-f]{2}){16,}|[0-9]{1,18}/g;
const EXAMPLES_MAX = 255;
const REMEMBERED = 256;
const EXAMPLE_BYTES_MAX = 1024;
const TEXTS_BYTES_MAX = 1024 * 1024;
const SAME = 0;
const OF_DOCUMENT = 1;
const SAID = 2;

/** Runs of digits have a number each: all shorter ones come before, and those of one length in their order. */
function numberOf(digits) {
  let shorter = 0n;
  for (let length = 1; length < digits.length; length++) shorter += 10n ** BigInt(length);
  return shorter + BigInt(digits);
}

function digitsOf(number) {
  if (number < 0n) throw new Refused('a number below the first');
  let rest = number;
  for (let length = 1; length <= 18; length++) {
    const count = 10n ** BigInt(length);
    if (rest < count) return rest.toString().padStart(length, '0');
    rest -= count;
  }
  throw new Refused('a number of more than 18 digits');
}

function slotOf(text) {
  if (text.length <= 18) return { isWord: false, value: numberOf(text) };
  const isUuid = text.includes('-');
  return { isWord: true, isUuid, value: text.replaceAll('-', '') };
}

/** What is between the slots of a text, and what is in them. */
function shapeOf(text) {
  const literals = [];
  const slots = [];
  let from = 0;
  for (const match of text.matchAll(SLOT)) {
    literals.push(text.slice(from, match.index));
    slots.push(slotOf(match[0]));
    from = match.index + match[0].length;
  }
  literals.push(text.slice(from));
  return { literals, slots };
}

function spelled(slot, value) {
  if (!slot.isWord) return digitsOf(value);
  if (!slot.isUuid) return value;
  return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]].map(([from, to]) => value.slice(from, to)).join('-');
}

/** The first 16 bytes of hexadecimal digits in a document's name. */
function ownWord(document) {
  if (document === undefined) throw new Unheard('a text repeats the name of a document that was not heard');
  const slot = shapeOf(document).slots.find(({ isWord, value }) => isWord && value.length === 32);
  if (!slot) throw new Refused(`${document} has no word of its own`);
  return slot.value;
}

/** Reads numbers from the values, and bytes from the words. */
class Values {
  constructor(values, words) {
    this.values = Buffer.from(values ?? []);
    this.words = Buffer.from(words ?? []).toString('hex');
    this.at = 0;
  }

  byte() {
    if (this.at >= this.values.length) throw new Refused('the values end too early');
    return this.values[this.at++];
  }

  /** Signed LEB128. */
  difference() {
    let value = 0n;
    for (let shift = 0n; shift < 63n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return (byte & 0x40) === 0 ? value : value - (1n << (shift + 7n));
    }
    throw new Refused('a difference that is too long');
  }

  next(slot, before, document) {
    if (!slot.isWord) return before + this.difference();
    const digits = slot.value.length;
    switch (this.byte()) {
      case SAME: return before;
      case OF_DOCUMENT: return ownWord(document);
      case SAID: {
        const said = this.words.slice(0, digits);
        if (said.length < digits) throw new Refused('the words end too early');
        this.words = this.words.slice(digits);
        return said;
      }
      default: throw new Refused('a word that is said in no known way');
    }
  }

  isAtEnd() {
    return this.at === this.values.length && this.words === '';
  }
}

function closed(bytes) {
  const found = [];
  const all = Buffer.from(bytes ?? []);
  for (let from = 0; from < all.length;) {
    const to = all.indexOf(0, from);
    if (to < 0) throw new Refused('a text that is not closed');
    found.push(all.toString('utf8', from, to));
    from = to + 1;
  }
  return found;
}

/**
 * The texts of entries of these documents, and those that are to be remembered, with their numbers. `known` has what
 * was remembered before.
 */
function texts(columns, documents, known) {
  const said = columns.x ?? {};
  const full = closed(said.f);
  const like = said.y ? [...said.y] : documents.map(() => 0);
  if (like.length !== documents.length || like.filter((place) => place === 0).length !== full.length) {
    throw new Refused('as many texts as entries are needed');
  }
  const earlier = (said.t ?? []).map((number) => {
    if (!known.has(Number(number))) throw new Unheard(`texts are like number ${number}, which was not heard`);
    return known.get(Number(number));
  });
  const examples = [...earlier, ...full].slice(0, EXAMPLES_MAX);
  const inFull = full.values();
  const found = like.map((place) => (place === 0 ? inFull.next().value : null));
  const values = new Values(said.v, columns.s);
  examples.forEach((example, place) => {
    const alike = like.flatMap((one, k) => (one === place + 1 ? [k] : []));
    if (alike.length === 0) return;
    const { literals, slots } = shapeOf(example);
    const parts = alike.map(() => [literals[0]]);
    slots.forEach((slot, index) => {
      let before = slot.value;
      alike.forEach((k, row) => {
        before = values.next(slot, before, documents[k]);
        parts[row].push(spelled(slot, before), literals[index + 1]);
      });
    });
    alike.forEach((k, row) => { found[k] = parts[row].join(''); });
  });
  if (found.includes(null)) throw new Refused('a text is like an example that is not there');
  if (!values.isAtEnd()) throw new Refused('more values than texts need');
  if (found.reduce((sum, text) => sum + text.length, 0) > TEXTS_BYTES_MAX) throw new Refused('texts that are too long');
  const named = said.m === undefined ? [] : examples.slice(earlier.length).map((text, k) => [Number(said.m) + k, text]);
  return { found, remembered: named };
}

/** Keeps the newest examples, by number. */
function remember(known, remembered) {
  for (const [number, text] of remembered) {
    if (Buffer.byteLength(text) <= EXAMPLE_BYTES_MAX) known.set(number, text);
  }
  const numbers = [...known.keys()].sort((a, b) => a - b);
  for (const number of numbers.slice(0, Math.max(0, numbers.length - REMEMBERED))) known.delete(number);
}

module.exports = { texts, remember, closed };
