// PouchDB's site: a local database, replicated continuously. Told what to write on standard input.
//
//   node site.cjs FOLDER URL
//
// One document an event: events are added and never changed, and two writers of one document would make conflicts.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const PouchDB = require('pouchdb');
const { synced } = require('./synced.cjs');

/** Found best among 100, 500, 1,000 and 2,000 for this work. */
const BATCH_SIZE = 1000;
const BATCHES_LIMIT = 10;
/** Tries again as soon as ours does; PouchDB itself would wait for up to minutes. */
const AGAIN_AFTER_MS = 250;

async function main() {
  const [folder, url] = process.argv.slice(2);
  fs.mkdirSync(folder, { recursive: true });
  const events = new PouchDB(path.join(folder, 'events'), { db: synced });
  await events.info();
  const replication = events.replicate.to(url, {
    live: true, retry: true, batch_size: BATCH_SIZE, batches_limit: BATCHES_LIMIT, back_off_function: () => AGAIN_AFTER_MS,
  });
  replication.on('error', (error) => { console.error(error); process.exit(1); });
  process.stdout.write('ready\n');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const answers = await events.bulkDocs(JSON.parse(line).events);
    const failed = answers.find((answer) => answer.error);
    if (failed) throw new Error(`a document was not stored: ${JSON.stringify(failed)}`);
    process.stdout.write('stored\n');
  }
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
