import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldsFrom, isIrrevocable, splitHandover } from "../../static/command.mjs";
import { currentLine, progress, readScan, shortName, tail, undoOf, withWaiting } from "../../static/picking.mjs";
import { classify } from "../../static/scan.mjs";

const EACH = "4006381333931";
const CASE_OF_SIX = "14006381333938";
const OTHER = "036000291452";
const line = (number, fields) => ({
  line: number, title: `Product ${number}`, open: 2, picked: 0, short: 0, barcodes: [], ...fields,
});
const lines = [
  line(1, { open: 4, barcodes: [{ code: EACH, qty: 1 }, { code: CASE_OF_SIX, qty: 6 }] }),
  line(2, { barcodes: [{ code: OTHER, qty: 1 }] }),
];
const scan = (text) => ({ ...classify(text), wedge: true, at: 0 });

test("a scan finds its line, whichever way its code is written", () => {
  assert.deepEqual(readScan(lines, scan(EACH), 1), { line: 1, qty: 1, code: EACH });
  assert.deepEqual(readScan(lines, scan(`]E00${OTHER}`), 1), { line: 2, qty: 1, code: `0${OTHER}` });
  assert.equal(readScan(lines, scan(`]C1010${EACH}`), 1).line, 1);
});

test("wrong scans say what is wrong", () => {
  assert.equal(readScan(lines, scan("96385074"), 1).wrong, "not_in_order");
  const done = [line(1, { open: 0, picked: 4, barcodes: [{ code: EACH, qty: 1 }] })];
  assert.equal(readScan(done, scan(EACH), 1).wrong, "already_complete");
  assert.deepEqual(readScan(lines, scan(CASE_OF_SIX), 1), {
    wrong: "pack_too_large", code: CASE_OF_SIX, qty: 6, open: 4, title: "Product 1",
  });
  assert.equal(readScan(lines, { error: "too_long", text: "9" }, 1).wrong, "too_long");
});

test("the same product on two lines goes to the chosen line while that is open", () => {
  const twice = [1, 2].map((number) => line(number, { barcodes: [{ code: EACH, qty: 1 }] }));
  assert.equal(readScan(twice, scan(EACH), 2).line, 2);
  twice[1].open = 0;
  assert.equal(readScan(twice, scan(EACH), 2).line, 1);
});

test("commands that wait count as done, those of other cases do not", () => {
  const waiting = [
    { case: "c1", do: "pick", line: 1, qty: 3 },
    { case: "c1", do: "unpick", line: 1, qty: 1 },
    { case: "c1", do: "short", line: 2, qty: 1 },
    { case: "c2", do: "pick", line: 2, qty: 1 },
    { case: "c1", do: "pack", container: "p" },
  ];
  const shown = withWaiting(lines, waiting, "c1");
  assert.deepEqual(shown.map(({ open, picked, short }) => [open, picked, short]), [[2, 2, 0], [1, 0, 1]]);
  assert.equal(lines[0].open, 4, "what the daemon said is left as it is");
  assert.deepEqual(progress(shown), { done: 3, all: 6, open: 3 });
});

test("the line to show is the chosen one while it is open", () => {
  assert.equal(currentLine(lines, 2).line, 2);
  assert.equal(currentLine(lines, 9).line, 1);
  assert.equal(currentLine([line(1, { open: 0 })], 1), null);
});

test("an undo takes back just what was picked", () => {
  const pick = { id: "x", case: "c1", do: "pick", line: 1, qty: 6, barcode: EACH, container: "t", location: "A-1" };
  assert.deepEqual(undoOf(pick), { case: "c1", do: "unpick", line: 1, qty: 6, container: "t", location: "A-1" });
  assert.equal(tail(EACH), "33931");
  assert.equal(tail("12"), "12");
  assert.equal(shortName("0190b3a4c5d67e8f9a0b1c2d3e4f5061-p1"), "…5061-p1");
  assert.equal(shortName("tote-7"), "tote-7");
});

test("forms become commands: empty fields left out, numbers as numbers, lists and inner objects", () => {
  const fields = fieldsFrom([
    ["container", " p-1 ", "text"],
    ["weight_g", "1200", "number"],
    ["note", "", "text"],
    ["dimensions.length_mm", "300", "number"],
    ["dimensions.width_mm", "200", "number"],
    ["services[]", "ship", "text"],
    ["services[]", "pickup", "text"],
    ["accept", "false", "flag"],
    ["broken", "1,5", "number"],
  ]);
  assert.deepEqual(fields, {
    container: "p-1", weight_g: 1200, dimensions: { length_mm: 300, width_mm: 200 },
    services: ["ship", "pickup"], accept: false,
  });
});

test("a partial handover gives what was chosen and keeps the rest", () => {
  const lines = [
    { line: 1, available: 3, give: 2 },
    { line: 2, available: 1, give: 0 },
    { line: 3, available: 2, give: 9 },
  ];
  assert.deepEqual(splitHandover(lines), {
    given: [{ line: 1, qty: 2 }, { line: 3, qty: 2 }],
    left: [{ line: 1, qty: 1 }, { line: 2, qty: 1 }],
  });
});

test("acts that cannot be taken back wait for the daemon", () => {
  assert.ok(isIrrevocable({ do: "hand_over" }));
  assert.ok(isIrrevocable({ do: "label" }));
  assert.ok(!isIrrevocable({ do: "pick" }));
});
