// Reads docs/asyncapi.yaml with the parser of AsyncAPI, and holds frames that were really said against its schemas.
//
//   node describe.cjs FILE [FRAMES]
//
// FRAMES has a JSON line for each frame, as listen.cjs --dump writes it. Prints JSON: what is wrong, and what is described.
'use strict';

const fs = require('node:fs');
const Ajv = require('ajv');
const { Parser } = require('@asyncapi/parser');

/** Readers ignore keys they do not know; a description that lacks a key is wrong all the same. */
function strict(schema) {
  if (Array.isArray(schema)) return schema.map(strict);
  if (schema === null || typeof schema !== 'object') return schema;
  const copy = Object.fromEntries(Object.entries(schema).filter(([key]) => !key.startsWith('x-')).map(([key, value]) => [key, strict(value)]));
  return copy.type === 'object' && copy.properties ? { ...copy, additionalProperties: false } : copy;
}

/** The message a frame is, by the channel of its topic and its kind. */
function messageOf(document, frame) {
  const fits = (channel) => {
    const parts = channel.address.split('/');
    const said = frame.topic.split('/');
    return parts.length === said.length && parts.every((part, k) => /^{.*}$/.test(part) || part === said[k]);
  };
  const channel = Object.values(document.channels).find(fits);
  return Object.values(channel?.messages ?? {}).find((message) => message['x-frame-kind'] === frame.number);
}

function frameErrors(document, lines) {
  const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false });
  const columns = ajv.compile(strict(document.components.schemas.Columns));
  const event = ajv.compile(strict(document.components.schemas.Event));
  const bodies = new Map();
  const errors = [];
  const seen = {};
  const check = (validate, value, what) => {
    if (!validate(value)) errors.push(`${what}: ${ajv.errorsText(validate.errors)}`);
  };
  for (const line of lines) {
    const frame = JSON.parse(line);
    const message = messageOf(document, frame);
    if (!message) {
      errors.push(`kind ${frame.number} on ${frame.topic} is not described`);
      continue;
    }
    if (!bodies.has(message)) bodies.set(message, ajv.compile(strict(message.payload)));
    check(bodies.get(message), frame.body, `${frame.kind} on ${frame.topic}`);
    if (frame.columns) check(columns, frame.columns, 'columns');
    for (const text of frame.texts ?? []) check(event, JSON.parse(text), `event ${text}`);
    seen[frame.number] = (seen[frame.number] ?? 0) + 1;
  }
  return { errors, seen };
}

async function main() {
  const [file, frames] = process.argv.slice(2);
  const { document, diagnostics } = await new Parser().parse(fs.readFileSync(file, 'utf8'));
  const found = diagnostics.map(({ severity, message, path }) => ({ severity, message, path: path.join('.') }));
  const raw = document?.json();
  const channels = Object.entries(raw?.channels ?? {}).map(([name, { address, messages }]) => {
    const kinds = Object.values(messages).map((message) => message['x-frame-kind']);
    return { name, address, kinds: kinds.sort((a, b) => a - b) };
  });
  const lines = frames ? fs.readFileSync(frames, 'utf8').split('\n').filter(Boolean) : [];
  const checked = raw ? frameErrors(raw, lines) : { errors: [], seen: {} };
  process.stdout.write(`${JSON.stringify({ diagnostics: found, channels, ...checked })}\n`);
}

main().catch((error) => {
  console.error(`describe: ${error.stack}`);
  process.exitCode = 1;
});
