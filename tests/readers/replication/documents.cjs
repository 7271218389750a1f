// Documents as the foreign library has them.
'use strict';

const Automerge = require('@automerge/automerge');

class Documents {
  constructor() {
    this.byName = new Map();
  }

  /** Takes a change in; twice is once. A change whose dependencies were not heard waits in Automerge's own queue. */
  take(change, origin) {
    const known = this.byName.get(change.document) ?? { automerge: Automerge.init(), changes: new Map(), loose: [] };
    this.byName.set(change.document, known);
    if (!change.hash) {
      for (const entry of change.entries) known.loose.push({ ...entry, ...origin });
      return;
    }
    if (known.changes.has(change.hash)) return;
    [known.automerge] = Automerge.applyChanges(known.automerge, [change.chunk]);
    known.changes.set(change.hash, { ...origin, author: change.author, entries: change.entries });
  }

  names() {
    return [...this.byName.keys()].sort();
  }

  /** Everything known of a document. `sideOf(incarnation)` tells whose an author is. */
  history(name, sideOf) {
    const { automerge, changes, loose } = this.byName.get(name);
    const written = new Map();
    for (const change of changes.values()) {
      for (const entry of change.entries) written.set(entry.id, { ...change, text: entry.text });
    }
    const applied = Object.keys(automerge.ev ?? {});
    const events = applied.map((id) => event(id, String(automerge.ev[id]), sideOf(written.get(id)?.author)));
    const waiting = [...written].filter(([id]) => !applied.includes(id));
    const unplaced = waiting.map(([id, entry]) => event(id, entry.text, sideOf(entry.author)));
    unplaced.push(...loose.map((entry) => event(entry.id, entry.text, entry.writer)));
    return {
      document: name,
      is_whole: automerge.hdr !== undefined && unplaced.length === 0,
      heads: Automerge.getHeads(automerge).sort(),
      missing: Automerge.getMissingDeps(automerge, []),
      header: automerge.hdr === undefined ? null : JSON.parse(String(automerge.hdr)),
      events: inOrder(events),
      events_without_their_past: inOrder(unplaced),
    };
  }
}

function event(id, text, side) {
  const { n, seen, at, by, kind, data, critical } = JSON.parse(text);
  return { id, side: side ?? 'unknown', n, seen, at, by, kind, critical: critical === true, data: data ?? null };
}

/** For people: by the writers' clocks, but each side in its own order, whatever its clock did. */
function inOrder(events) {
  const sides = ['hub', 'site', 'unknown'].map((side) =>
    events.filter((entry) => entry.side === side).sort((a, b) => a.n - b.n));
  const sorted = [];
  for (;;) {
    const next = sides.filter((side) => side.length > 0).sort((a, b) => a[0].at - b[0].at)[0];
    if (!next) return sorted;
    sorted.push(next.shift());
  }
}

module.exports = { Documents };
