import assert from "node:assert/strict";
import { test } from "node:test";
import { BATCH_MAX, Outbox } from "../../static/outbox.mjs";
import { uuid7Source } from "../../static/uuid7.mjs";

class Storage {
  items = new Map();
  get length() { return this.items.size; }
  key(at) { return [...this.items.keys()][at] ?? null; }
  getItem(key) { return this.items.get(key) ?? null; }
  setItem(key, text) { this.items.set(key, text); }
  removeItem(key) { this.items.delete(key); }
}

const mint = uuid7Source();
const command = (fields = {}) => ({ id: mint(), do: "pick", ...fields });
const applied = (commands) => ({
  status: 200,
  body: { outcomes: commands.map(({ id }) => ({ id, result: "applied", events: [] })) },
});

/** A daemon that has one effect per id, as the real one. */
function daemon({ loseAnswers = 0 } = {}) {
  const effects = [];
  let lose = loseAnswers;
  const post = async (commands) => {
    const outcomes = commands.map(({ id }) => {
      const repeated = effects.includes(id);
      if (!repeated) effects.push(id);
      return { id, result: repeated ? "repeated" : "applied", events: [] };
    });
    if (lose-- > 0) throw new TypeError("network");
    return { status: 200, body: { outcomes } };
  };
  return { effects, post };
}

test("a command is stored before it is sent and gone after its answer", async () => {
  const storage = new Storage();
  let stored;
  const outbox = new Outbox(storage, async (commands) => {
    stored = storage.length;
    return applied(commands);
  });
  outbox.add(command());
  assert.equal(storage.length, 1);
  assert.equal(await outbox.flush(), true);
  assert.equal(stored, 1);
  assert.equal(storage.length, 0);
});

test("a lost answer is asked for again with the same id: one effect, and the button hears of it", async () => {
  const { effects, post } = daemon({ loseAnswers: 2 });
  const outbox = new Outbox(new Storage(), post);
  const heard = [];
  outbox.listen((event) => event.type === "outcome" && heard.push([event.command.id, event.outcome.result]));
  const { id } = outbox.add(command());
  assert.equal(await outbox.flush(), false);
  assert.equal(outbox.reachable, false);
  assert.equal(await outbox.flush(), false);
  assert.equal(await outbox.flush(), true);
  assert.deepEqual(effects, [id]);
  assert.deepEqual(heard, [[id, "repeated"]]);
  assert.equal(outbox.reachable, true);
});

test("a reload loses nothing and keeps the order", async () => {
  const storage = new Storage();
  const before = new Outbox(storage, async () => { throw new TypeError("network"); });
  const ids = Array.from({ length: 250 }, () => before.add(command()).id);
  await before.flush();
  const { effects, post } = daemon();
  const sizes = [];
  const after = new Outbox(storage, (commands) => {
    sizes.push(commands.length);
    return post(commands);
  });
  assert.deepEqual(after.waiting().map(({ id }) => id), ids);
  assert.equal(await after.flush(), true);
  assert.deepEqual(effects, ids);
  assert.deepEqual(sizes, [BATCH_MAX, BATCH_MAX, 50]);
});

test("two tabs of a device lose nothing of each other", async () => {
  const storage = new Storage();
  const { effects, post } = daemon();
  const [one, other] = [new Outbox(storage, post), new Outbox(storage, post)];
  one.add(command());
  other.add(command());
  one.add(command());
  await Promise.all([one.flush(), other.flush()]);
  assert.equal(new Set(effects).size, 3);
  assert.equal(storage.length, 0);
});

test("flushing twice at once sends once", async () => {
  let posts = 0;
  const outbox = new Outbox(new Storage(), async (commands) => {
    posts += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return applied(commands);
  });
  outbox.add(command());
  await Promise.all([outbox.flush(), outbox.flush(), outbox.flush()]);
  assert.equal(posts, 1);
});

test("a refusal stays until it is acknowledged, over a reload, without the customer's code", async () => {
  const storage = new Storage();
  const outbox = new Outbox(storage, async ([{ id }]) => ({
    status: 200,
    body: { outcomes: [{ id, result: "rejected", code: "wrong_code", sentence: "The code is wrong." }] },
  }));
  const { id } = outbox.add(command({ do: "hand_over", code: "123456" }));
  assert.equal(await outbox.flush(), true);
  const again = new Outbox(storage, async () => assert.fail("nothing waits"));
  assert.equal(again.waiting().length, 0);
  assert.equal(again.refused()[0].outcome.sentence, "The code is wrong.");
  assert.ok(![...storage.items.values()].join().includes("123456"));
  again.acknowledge(id);
  assert.equal(again.refused().length, 0);
});

test("a failure of the daemon keeps the command and waits longer each time", async () => {
  const outbox = new Outbox(new Storage(), async (commands) => ({
    status: 200,
    body: { outcomes: commands.map(({ id }) => ({ id, result: "failed", code: "storage_full" })) },
  }));
  outbox.add(command());
  const waits = [];
  for (let turn = 0; turn < 8; turn += 1) {
    assert.equal(await outbox.flush(), false);
    waits.push(outbox.retryMs);
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 15000, 15000, 15000, 15000]);
  assert.equal(outbox.waiting().length, 1);
});

test("one malformed command does not hold up the others", async () => {
  const good = [command(), command()];
  const bad = command({ do: "no_such" });
  const outbox = new Outbox(new Storage(), async (commands) =>
    commands.some(({ id }) => id === bad.id)
      ? { status: 422, body: { code: "bad_command", detail: "unknown variant" } }
      : applied(commands),
  );
  for (const each of [good[0], bad, good[1]]) outbox.add(each);
  const heard = {};
  outbox.listen((event) => event.type === "outcome" && (heard[event.command.id] = event.outcome.result));
  assert.equal(await outbox.flush(), true);
  assert.deepEqual(heard, { [good[0].id]: "applied", [bad.id]: "rejected", [good[1].id]: "applied" });
});

test("too busy, too early and server errors are no refusals", async () => {
  for (const status of [408, 425, 429, 500, 502, 503]) {
    const outbox = new Outbox(new Storage(), async () => ({ status, body: null }));
    outbox.add(command());
    assert.equal(await outbox.flush(), false, String(status));
    assert.equal(outbox.waiting().length, 1, String(status));
  }
});

test("a device without room says so before anybody believes the command was kept", () => {
  const storage = new Storage();
  storage.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
  const outbox = new Outbox(storage, async () => assert.fail("not stored, so not sent"));
  assert.throws(() => outbox.add(command()), /full/);
});
