// Changes of documents rebuilt as Automerge wrote them, and the hashes over them.
'use strict';

const { createHash } = require('node:crypto');
const Automerge = require('@automerge/automerge');
const { blake3 } = require('@noble/hashes/blake3');
const { Refused } = require('./frame.cjs');

const MAGIC = Buffer.from('856f4a83', 'hex');
const CHANGE = 1;

function leb(number) {
  const bytes = [];
  do {
    bytes.push((number & 0x7f) | (number > 0x7f ? 0x80 : 0));
    number = Math.floor(number / 128);
  } while (number > 0);
  return Buffer.from(bytes);
}

/** The chunk around a change's content. */
function chunkOf(content) {
  const hashed = Buffer.concat([Buffer.from([CHANGE]), leb(content.length), content]);
  const hash = createHash('sha256').update(hashed).digest();
  return Buffer.concat([MAGIC, hash.subarray(0, 4), hashed]);
}

/** A chunk with what a continuation needs to know of it. */
function described(chunk) {
  const change = Automerge.decodeChange(chunk);
  const made = change.ops.findIndex((op) => op.action === 'makeMap' && op.key === 'ev' && op.obj === '_root');
  const ev = made >= 0 ? `${change.startOp + made}@${change.actor}` : change.ops[0]?.obj;
  const puts = change.ops.filter((op) => op.action === 'set' && op.obj === ev);
  return {
    chunk,
    hash: change.hash,
    author: change.actor,
    seq: change.seq,
    nextOp: change.startOp + change.ops.length,
    ev,
    entries: puts.map((op) => ({ id: op.key, text: String(op.value) })),
  };
}

/** Writes an entries change with the foreign library. */
function written(author, { seq, startOp, ev, deps, entries }) {
  const ops = entries.map(({ id, text }) => ({ action: 'set', obj: ev, key: id, value: text, pred: [] }));
  return Automerge.encodeChange({ actor: author, seq, startOp, time: 0, message: null, deps, ops });
}

/**
 * The change an item stands for. `before` is what is known of the change that it continues; without it the change
 * cannot be rebuilt, and only its entries are known.
 */
function rebuilt(item, author, before) {
  if (item.form === 'raw') return { document: item.document, ...described(chunkOf(item.content)) };
  if (item.form === 'full') return { document: item.document, ...described(written(author, item)) };
  if (!before) throw new Refused(`a change continues number ${item.continues}, which is not known`);
  if (!before.hash) return { document: before.document, entries: item.entries };
  const next = { seq: before.seq + 1, startOp: before.nextOp, ev: before.ev, deps: [before.hash], entries: item.entries };
  return { document: before.document, ...described(written(author, next)) };
}

const part = (bytes) => {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
};

/** The digest of an item: BLAKE3 over its parts, each with its length. */
function digestOf(item, change) {
  const parts = item.form === 'record'
    ? ['record', item.kind, item.key, item.content]
    : ['change', change.document, Buffer.from(change.hash, 'hex')];
  return Buffer.from(blake3(Buffer.concat(parts.map((entry) => part(Buffer.from(entry))))));
}

/** What a batch's check must be. */
const checkOf = (digests) => Buffer.from(blake3(Buffer.concat(digests))).subarray(0, 8);

/** The running hash before the first item of an incarnation. */
const runningAtFirst = (incarnation) =>
  Buffer.from(blake3(Buffer.concat([Buffer.from('outpost stream 1'), Buffer.from(incarnation, 'hex')])));

/** The running hash after one more item. */
const runningAfter = (running, digest) => Buffer.from(blake3(Buffer.concat([running, digest])));

module.exports = { rebuilt, digestOf, checkOf, runningAtFirst, runningAfter };
