// The items of one incarnation, as far as they were heard: gaps, and the running hash held against the peer's marks.
'use strict';

const { runningAfter, runningAtFirst } = require('./changes.cjs');

class Stream {
  constructor(writer, incarnation) {
    this.writer = writer;
    this.incarnation = incarnation;
    /** Digest of every item heard, by n; null where the change could not be rebuilt. */
    this.digests = new Map();
    /** What the peer says of this stream: n to running hash. */
    this.marks = new Map();
    /** Where our own running hash stands. At the start it is known; a mark lets us take it up anywhere. */
    this.at = { n: 0, hash: runningAtFirst(incarnation) };
    this.verifiedFrom = null;
    this.verifiedThrough = null;
    this.disagreements = [];
  }

  hear(n, digest) {
    if (this.digests.get(n)) return;
    this.digests.set(n, digest);
  }

  mark(n, hash) {
    this.marks.set(n, Buffer.from(hash));
  }

  /** Walks on as far as items are there, compares at every mark, and takes up the next mark beyond a gap. */
  verify() {
    const ahead = [...this.marks.keys()].sort((a, b) => a - b);
    let position = { ...this.at };
    let from = position.n;
    for (const n of ahead) {
      if (n < position.n) continue;
      const reached = this.walk(position, n);
      const said = this.marks.get(n);
      if (reached && !reached.hash.equals(said)) this.disagreements.push(n);
      if (reached && reached.n > from && reached.hash.equals(said)) {
        this.verifiedFrom = from + 1;
        this.verifiedThrough = n;
      }
      if (!reached) from = n;
      position = reached ?? { n, hash: said };
    }
    return this;
  }

  walk({ n, hash }, to) {
    let running = hash;
    for (let k = n + 1; k <= to; k++) {
      const digest = this.digests.get(k);
      if (!digest) return null;
      running = runningAfter(running, digest);
    }
    return { n: to, hash: running };
  }

  /** Spans of items that were not heard, or heard and not understood, up to the highest known number. */
  missing() {
    const last = Math.max(0, ...this.digests.keys(), ...this.marks.keys());
    const spans = [];
    for (let n = 1; n <= last; n++) {
      if (this.digests.get(n)) continue;
      const open = spans.at(-1);
      if (open && open.to === n - 1) open.to = n;
      else spans.push({ from: n, to: n });
    }
    return spans;
  }

  summary() {
    this.verify();
    return {
      writer: this.writer,
      incarnation: this.incarnation,
      heard: [...this.digests.values()].filter(Boolean).length,
      missing: this.missing(),
      verified: this.verifiedThrough === null ? null : { from: this.verifiedFrom, to: this.verifiedThrough },
      disagreements: this.disagreements,
    };
  }
}

module.exports = { Stream };
