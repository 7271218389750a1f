// The columns of a batch, taken apart into items: docs/protocol.md, "Columns".
'use strict';

const { decompress } = require('fzstd');
const { Refused, cbor, hex } = require('./frame.cjs');
const { closed, texts } = require('./texts.cjs');

const UNPACKED_BYTES_MAX = 1024 * 1024;
const ATTACHED_BYTES_MAX = 256;
const RECORD = 0;
const RAW = 1;
const FULL = 2;
const NEXT = 3;
/** How an id begins. */
const OTHERWISE = 0;
const WITH_DIGITS = 1;
const AS_BEFORE = 2;

/** The numbers n of a batch's items, from its spans. */
function numbers(spans) {
  const found = [];
  for (const [first, last] of spans) {
    for (let n = Number(first); n <= Number(last); n++) found.push(n);
    if (found.length > 1000) throw new Refused('a batch of more than 1,000 items');
  }
  return found;
}

function unpacked(content) {
  const packed = Buffer.from(content.b);
  if (!content.z) return packed;
  if (content.z !== 1) throw new Refused(`packing ${content.z}`);
  const size = statedSize(packed);
  if (size > UNPACKED_BYTES_MAX) throw new Refused(`columns of ${size} bytes`);
  return Buffer.from(decompress(packed, new Uint8Array(size)));
}

/** The content size that a zstd frame states (RFC 8878, 3.1.1.1); a batch must state it. */
function statedSize(packed) {
  if (packed.length < 6 || packed.readUInt32LE(0) !== 0xfd2fb528) throw new Refused('columns that are not zstd');
  const descriptor = packed[4];
  const isSingle = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingle ? 0 : 1) + [0, 1, 2, 4][descriptor & 3];
  switch (descriptor >> 6) {
    case 0: if (isSingle) return packed[at]; throw new Refused('columns without their size');
    case 1: return packed.readUInt16LE(at) + 256;
    case 2: return packed.readUInt32LE(at);
    default: return Number(packed.readBigUInt64LE(at));
  }
}

/** A column that is read from its beginning. */
class Column {
  constructor(name, values) {
    this.name = name;
    this.values = values ?? [];
    this.at = 0;
  }

  next() {
    if (this.at >= this.values.length) throw new Refused(`column ${this.name} ends too early`);
    return this.values[this.at++];
  }

  isAtEnd() {
    return this.at >= this.values.length;
  }
}

/** Ids of entries: 32 hex digits as 16 bytes, transposed over all ids, and the rest of each. */
function ids(column, count) {
  const rests = column?.j ? closed(column.j) : Array.from({ length: count }, () => '.0');
  const begins = column?.f ? [...column.f] : rests.map(() => WITH_DIGITS);
  const packed = Buffer.from(column?.u ?? []);
  const own = begins.filter((begin) => begin === WITH_DIGITS).length;
  if (rests.length !== count || begins.length !== count || packed.length !== 16 * own) {
    throw new Refused('ids do not fit their column');
  }
  let k = -1;
  return rests.map((rest, index) => {
    if (begins[index] === OTHERWISE) return rest;
    if (begins[index] === WITH_DIGITS) k += 1;
    else if (begins[index] !== AS_BEFORE || k < 0) throw new Refused(`an id that begins as ${begins[index]}`);
    const digits = Buffer.from(Array.from({ length: 16 }, (_, byte) => packed[byte * own + k]));
    return digits.toString('hex') + rest;
  });
}

/** Hashes of 32 bytes, one after the other. */
function hashes(bytes) {
  const all = hex(bytes ?? []);
  return Array.from({ length: all.length / 64 }, (_, k) => all.slice(64 * k, 64 * (k + 1)));
}

/** The columns of a batch, unpacked. */
const columnsOf = (content) => cbor.decode(unpacked(content));

/** Which document every entry belongs to; nothing where a change continues one that was not heard. */
function owners(columns, positions, documentAt) {
  const take = Object.fromEntries(['w', 'e', 'p', 'c'].map((name) => [name, new Column(name, columns[name])]));
  const here = new Map();
  const found = [];
  positions.forEach((n, k) => {
    const form = columns.k[k];
    if (form === RECORD) return;
    let document;
    if (form === NEXT) {
      const at = n - Number(take.p.next());
      document = here.has(at) ? here.get(at) : documentAt(at);
    } else document = columns.d?.[take[form === RAW ? 'w' : 'e'].next()[0]];
    here.set(n, document);
    const count = form === RAW ? 0 : columns.c ? Number(take.c.next()) : 1;
    for (let entry = 0; entry < count; entry++) found.push(document);
  });
  return found;
}

/**
 * Walks the forms; each item with its number and what its form says of it, and the texts to remember. `documentAt(n)` and
 * `examples` are what was heard before.
 */
function items(content, documentAt, examples) {
  const columns = columnsOf(content);
  const positions = numbers(content.r);
  const forms = Buffer.from(columns.k);
  if (forms.length !== positions.length) throw new Refused('as many forms as items are needed');
  const take = Object.fromEntries(['w', 'e', 'p', 'c', 'r', 'b'].map((name) => [name, new Column(name, columns[name])]));
  take.h = new Column('h', hashes(columns.h));
  const documents = owners(columns, positions, documentAt);
  const { found: all, remembered } = texts(columns, documents, examples);
  const entryIds = new Column('i', ids(columns.i, documents.length));
  const entryTexts = new Column('x', all);
  const entries = () => {
    const count = columns.c ? Number(take.c.next()) : 1;
    return Array.from({ length: count }, () => ({ id: entryIds.next(), text: entryTexts.next() }));
  };
  const named = (index) => {
    if (columns.d?.[index] === undefined) throw new Refused(`document ${index} has no name`);
    return columns.d[index];
  };
  const found = positions.map((n, k) => {
    switch (forms[k]) {
      case RECORD: {
        const [kind, key, bytes] = take.r.next();
        // What is attached is for the site alone: a listener sees its length.
        const attached = columns.b ? Buffer.from(take.b.next()) : Buffer.alloc(0);
        if (attached.length > ATTACHED_BYTES_MAX) throw new Refused(`${attached.length} bytes attached to a record`);
        return { n, form: 'record', kind, key, content: Buffer.from(bytes), attached };
      }
      case RAW: {
        const [document, bytes] = take.w.next();
        return { n, form: 'raw', document: named(document), content: Buffer.from(bytes) };
      }
      case FULL: {
        const [document, seq, startOp, counter, author, dependencies] = take.e.next();
        const deps = Array.from({ length: Number(dependencies) }, () => take.h.next());
        const ev = `${counter}@${hex(columns.a[author])}`;
        return { n, form: 'full', document: named(document), seq: Number(seq), startOp: Number(startOp), ev, deps, entries: entries() };
      }
      case NEXT:
        return { n, form: 'next', continues: n - Number(take.p.next()), entries: entries() };
      default:
        throw new Refused(`form ${forms[k]}`);
    }
  });
  const left = [...Object.values(take), entryIds, entryTexts].filter((column) => !column.isAtEnd());
  if (left.length > 0) throw new Refused(`column ${left[0].name} holds more than the items need`);
  return { found, remembered };
}

module.exports = { columnsOf, items, numbers };
