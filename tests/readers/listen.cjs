// Listens to the replication of one site and prints what was said: a reader in another language, written from
// docs/protocol.md alone.
//
//   node listen.cjs --site NAME --keys FILE|URL [--broker mqtt://HOST:PORT] [--frames FILE]
//                   [--case ID | --document NAME] [--seconds N] [--json] [--dump FILE]
//
// It ends after --seconds, or when it is interrupted, and prints then. With --frames it reads frames from a file
// instead, one in hexadecimal a paragraph, as in docs/protocol.md. --dump writes every
// frame it understood to a file, one in JSON a line, without the content of records. NODE_PATH must lead to the
// packages of package.json.
'use strict';

const fs = require('node:fs');
const { parseArgs } = require('node:util');
const mqtt = require('mqtt');
const { lineOf } = require('./replication/dump.cjs');
const { Listener } = require('./replication/listener.cjs');
const { story } = require('./replication/story.cjs');

function options() {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: {
      site: text, keys: text, broker: text, frames: text, case: text, document: text, seconds: text, dump: text,
      json: { type: 'boolean', default: false },
    },
  });
  if (!values.site || !values.keys || !values.broker === !values.frames) {
    throw new Error('needed: --site, --keys, and one of --broker and --frames');
  }
  return values;
}

/** Keys as the hub gives them (`GET /v1/sites/{site}/keys`), from a file or from the hub itself. */
async function keys(place, site) {
  const text = /^https?:/.test(place) ? await fetched(place) : fs.readFileSync(place, 'utf8');
  const { hub, installs } = JSON.parse(text);
  if (!hub || !Array.isArray(installs)) throw new Error(`${place} holds no keys`);
  return { hub, sites: { [site]: installs } };
}

/** A hub that listens beyond loopback wants its token. */
async function fetched(url) {
  const token = process.env.OUTPOST_HUB_TOKEN;
  const answer = await fetch(url, token ? { headers: { authorization: `Bearer ${token}` } } : {});
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.text();
}

/** Paragraphs of nothing but hexadecimal that begin as a frame does. */
function framesOf(text) {
  const paragraphs = text.split(/\n\s*\n|```/).map((paragraph) => paragraph.replace(/\s+/g, ''));
  return paragraphs.filter((digits) => /^01[0-9a-f]{300,}$/.test(digits)).map((digits) => Buffer.from(digits, 'hex'));
}

async function listen(listener, { broker, site, seconds }) {
  const client = mqtt.connect(broker, { protocolVersion: 5, clean: true, clientId: `listener-${process.pid}` });
  client.on('message', (topic, payload) => listener.hear(payload, topic));
  client.on('connect', async () => {
    await client.subscribeAsync([`outpost/v1/+/${site}/up`, `outpost/v1/+/${site}/down`], { qos: 1 });
    console.error('listening');
  });
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
    if (seconds) setTimeout(resolve, Number(seconds) * 1000);
  });
  await client.endAsync();
}

async function main() {
  const chosen = options();
  const dump = chosen.dump && ((frame, topic) => fs.appendFileSync(chosen.dump, `${lineOf(frame, topic)}\n`));
  const listener = new Listener(chosen.site, await keys(chosen.keys, chosen.site), dump);
  if (chosen.frames) framesOf(fs.readFileSync(chosen.frames, 'utf8')).forEach((frame) => listener.hear(frame));
  else await listen(listener, chosen);
  const report = listener.report(chosen.case ? `case/${chosen.case}` : chosen.document);
  const text = chosen.json ? JSON.stringify(report) : [...story(report)].join('\n');
  process.stdout.write(`${text}\n`);
}

main().catch((error) => {
  console.error(`listen: ${error.message}`);
  process.exitCode = 1;
});
