// LevelDB that syncs every write to the disk. PouchDB leaves that to the system; what it is measured beside does not.
'use strict';

const leveldown = require('leveldown');

function synced(location) {
  const db = leveldown(location);
  for (const write of ['_put', '_del', '_batch']) {
    const plain = db[write];
    db[write] = function (...parameters) {
      const done = parameters.pop();
      const options = { ...parameters.pop(), sync: true };
      return plain.call(db, ...parameters, options, done);
    };
  }
  return db;
}
synced.destroy = leveldown.destroy;
synced.repair = leveldown.repair;

module.exports = { synced };
