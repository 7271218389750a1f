// What a listener learns from the frames of one site, in both directions.
'use strict';

const { items, numbers } = require('./columns.cjs');
const { checkOf, digestOf, rebuilt } = require('./changes.cjs');
const { Documents } = require('./documents.cjs');
const { readFrame, Refused, Unheard, hex } = require('./frame.cjs');
const { Stream } = require('./stream.cjs');
const { remember } = require('./texts.cjs');

/** How far back a change may continue another one. */
const CONTINUES_AT_MOST = 1024;

class Listener {
  /** `keys`: `{ hub: "<install><key>", sites: { name: ["<install><key>", …] } }`, all hex. */
  constructor(site, keys, dump) {
    /** Called with every frame that was let in, and the topic it came on. */
    this.dump = dump ?? (() => {});
    this.site = site;
    this.keys = keys;
    this.documents = new Documents();
    this.streams = new Map();
    this.sides = new Map();
    /** Changes of the current conversations, by writer, conversation and incarnation: what others may continue. */
    this.memories = new Map();
    this.frames = {};
    this.refused = [];
    this.notes = [];
    this.records = [];
    this.quarantined = [];
  }

  /** Takes a frame as it came from a topic, or from nowhere in particular. */
  hear(bytes, topic) {
    let frame;
    try {
      this.belongs(topic, bytes);
      frame = readFrame(bytes, this.site, (writer) => this.identitiesOf(writer));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.refused.push(error.message);
      return;
    }
    this.frames[frame.kind] = (this.frames[frame.kind] ?? 0) + 1;
    if (!frame.isKnown) return;
    if (frame.incarnation) this.sides.set(frame.incarnation, frame.writer);
    const what = `${frame.kind} ${frame.serial} of the ${frame.writer}`;
    try {
      this.understand(frame);
    } catch (error) {
      if (error instanceof Unheard) this.notes.push(`${what}: ${error.message} before we listened`);
      else this.refused.push(`${what}: ${error.message}`);
    }
    this.dump(frame, topic);
  }

  identitiesOf(writer) {
    return writer === 'hub' ? [this.keys.hub] : this.keys.sites[this.site] ?? [];
  }

  /** The third byte of a frame is its writer, who has a topic. */
  belongs(topic, bytes) {
    const way = bytes[2] === 0 ? 'up' : 'down';
    if (topic && !topic.endsWith(`/${this.site}/${way}`)) throw new Refused(`a frame for another topic than ${topic}`);
  }

  stream(writer, incarnation) {
    const key = `${writer} ${incarnation}`;
    if (!this.streams.has(key)) this.streams.set(key, new Stream(writer, incarnation));
    return this.streams.get(key);
  }

  understand(frame) {
    const { content, writer } = frame;
    const peer = writer === 'site' ? 'hub' : 'site';
    for (const link of content.k && frame.kind !== 'batch' ? content.k : []) this.sides.set(hex(link.i), writer);
    for (const [incarnation, n, running] of content.a ?? []) this.stream(peer, hex(incarnation)).mark(Number(n), running);
    for (const item of content.q ?? []) {
      this.quarantined.push({ writer: peer, incarnation: hex(item.i), n: Number(item.n), reason: item.w });
    }
    // The hub starts anew, and what was said in the conversation before counts no more.
    if (frame.kind === 'welcome' && content.f) this.forget(frame.conversation);
    if (frame.kind === 'batch') this.takeBatch(frame);
  }

  forget(conversation) {
    for (const key of this.memories.keys()) {
      if (!key.includes(conversation)) this.memories.delete(key);
    }
  }

  memory(frame) {
    const key = `${frame.writer} ${frame.conversation} ${frame.incarnation}`;
    if (!this.memories.has(key)) this.memories.set(key, { changes: new Map(), examples: new Map() });
    return this.memories.get(key);
  }

  takeBatch(frame) {
    const { writer, incarnation, content } = frame;
    const memory = this.memory(frame);
    const stream = this.stream(writer, incarnation);
    const read = [];
    /** Only a change that could be rebuilt is known to belong to its document. */
    const documentAt = (n) => (memory.changes.get(n)?.hash ? memory.changes.get(n).document : undefined);
    const { found, remembered } = items(content, documentAt, memory.examples);
    frame.texts = found.flatMap((item) => item.entries ?? []).map(({ text }) => text);
    for (const item of found) {
      const change = item.form === 'record' ? null : this.change(item, frame, memory.changes);
      if (change) memory.changes.set(item.n, change);
      const isWhole = change === null || change.hash !== undefined;
      read.push({ item, change, digest: isWhole ? digestOf(item, change) : null });
    }
    const isWhole = read.every(({ digest }) => digest);
    if (isWhole && !checkOf(read.map(({ digest }) => digest)).equals(Buffer.from(content.k))) {
      throw new Refused('what was rebuilt is not what was sent: the check differs');
    }
    if (!isWhole) {
      const lost = read.filter(({ digest }) => !digest).length;
      this.notes.push(`batch ${frame.serial} of the ${writer}: ${lost} changes continue what was said before we listened`);
    }
    for (const { item, change, digest } of read) {
      stream.hear(item.n, digest);
      if (change) this.documents.take(change, { writer, n: item.n });
      // Never the content: records are where personal data travels.
      else {
        const { n, kind, key, content, attached } = item;
        this.records.push({ writer, n, kind, key, bytes: content.length, attached: attached.length });
      }
    }
    const oldest = Math.max(...numbers(content.r)) - 2 * CONTINUES_AT_MOST;
    for (const n of memory.changes.keys()) if (n < oldest) memory.changes.delete(n);
    remember(memory.examples, remembered);
  }

  /** A change that continues one we never heard keeps its entries, in a document without a name. */
  change(item, frame, memory) {
    const before = item.form === 'next' ? memory.get(item.continues) : undefined;
    if (item.form === 'next' && !before) {
      const name = `unnamed/${frame.writer}/${frame.incarnation.slice(0, 8)}/${item.continues}`;
      return { document: name, entries: item.entries };
    }
    return rebuilt(item, frame.incarnation, before);
  }

  /** Everything that was learned. */
  report(only) {
    const names = this.documents.names().filter((name) => !only || name === only);
    const sideOf = (incarnation) => this.sides.get(incarnation);
    return {
      site: this.site,
      frames: this.frames,
      refused: this.refused,
      notes: this.notes,
      quarantined: this.quarantined,
      streams: [...this.streams.values()].map((stream) => stream.summary()),
      records: this.records,
      documents: names.map((name) => this.documents.history(name, sideOf)),
    };
  }
}

module.exports = { Listener };
