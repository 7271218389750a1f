import assert from "node:assert/strict";
import { test } from "node:test";
import { uuid7Source } from "../../static/uuid7.mjs";

const FORM = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const random = (count) => crypto.getRandomValues(new Uint8Array(count));

test("the form and the time are those of version 7", () => {
  const id = uuid7Source(() => 0x017f22e279b0, random)();
  assert.match(id, FORM);
  assert.ok(id.startsWith("017f22e2-79b0-7"), id);
});

test("ids grow within a millisecond, over its counter's end, and when the clock is set back", () => {
  let clock = 1_763_874_000_000;
  const mint = uuid7Source(() => clock, random);
  const ids = Array.from({ length: 10_000 }, mint);
  clock -= 3_600_000;
  ids.push(...Array.from({ length: 100 }, mint));
  for (const id of ids) assert.match(id, FORM);
  assert.deepEqual(ids, [...ids].sort());
  assert.equal(new Set(ids).size, ids.length);
});

test("two devices at the same instant mint different ids", () => {
  const now = () => 1_763_874_000_000;
  const [one, other] = [uuid7Source(now, random), uuid7Source(now, random)];
  assert.notEqual(one(), other());
});
