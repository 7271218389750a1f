// A frame as a line of JSON, for whoever holds it against a schema. Byte strings become hexadecimal.
'use strict';

const { columnsOf } = require('./columns.cjs');
const { hex } = require('./frame.cjs');

function plain(value) {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}

/** Records hold personal data: what they say stays out. */
function withoutRecords(columns) {
  if (!columns.r) return columns;
  const without = { ...columns, r: columns.r.map(([kind, key]) => [kind, key, new Uint8Array()]) };
  if (columns.b) without.b = columns.b.map(() => new Uint8Array());
  return without;
}

function lineOf(frame, topic) {
  const { kind, number, head, content } = frame;
  const line = { topic, kind, number, body: plain([head, content]) };
  if (kind === 'batch') {
    const columns = columnsOf(content);
    line.body[1].b = '';
    line.columns = plain(withoutRecords(columns));
    line.texts = frame.texts;
  }
  return JSON.stringify(line);
}

module.exports = { lineOf };
