// PouchDB's hub: express-pouchdb over LevelDB. Says how many documents can be read.
//
//   node hub.cjs FOLDER PORT
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const express = require('express');
const expressPouchDB = require('express-pouchdb');
const PouchDB = require('pouchdb');
const { synced } = require('./synced.cjs');

const LOOK_MS = 25;

async function main() {
  const [folder, port] = process.argv.slice(2);
  fs.mkdirSync(folder, { recursive: true });
  const Stored = PouchDB.defaults({ prefix: path.join(folder, path.sep), db: synced });
  const app = express();
  const logPath = path.join(folder, 'log.txt');
  app.use('/', expressPouchDB(Stored, { mode: 'minimumForPouchDB', inMemoryConfig: true, logPath }));
  const events = new Stored('events');
  await events.info();
  await new Promise((resolve) => { app.listen(Number(port), '127.0.0.1', resolve); });
  process.stdout.write('ready\n');
  let told = 0;
  for (;;) {
    const { doc_count: count } = await events.info();
    if (count !== told) process.stdout.write(`visible ${count}\n`);
    told = count;
    await new Promise((resolve) => { setTimeout(resolve, LOOK_MS); });
  }
}

process.stdin.on('end', () => process.exit(0)).resume();
main().catch((error) => { console.error(error); process.exit(1); });
