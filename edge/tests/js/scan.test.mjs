import assert from "node:assert/strict";
import { test } from "node:test";
import {
  SCAN_LENGTH_MAX, ScanAssembler, ScanQueue, classify, comparable, hasCheckDigit, productCode,
} from "../../static/scan.mjs";

const type = (assembler, text, { from = 0, gap = 2, end = "Enter" } = {}) => {
  let at = from;
  for (const key of text) {
    assert.equal(assembler.key(key, at), null);
    at += gap;
  }
  return assembler.key(end, at);
};

test("a wedge is told from a person by the time between keys", () => {
  const assembler = new ScanAssembler();
  assert.deepEqual(type(assembler, "4006381333931"), {
    symbology: "unknown", text: "4006381333931", wedge: true, at: 26,
  });
  assert.equal(type(assembler, "4006381333931", { gap: 180 }).wedge, false);
  assert.equal(type(assembler, "123", { gap: 50 }).wedge, true);
  assert.equal(type(assembler, "123", { gap: 51 }).wedge, false);
});

test("tab ends a scan as well, and an end without keys is nothing", () => {
  const assembler = new ScanAssembler();
  assert.equal(type(assembler, "abc", { end: "Tab" }).text, "abc");
  assert.equal(assembler.key("Enter", 99), null);
  assert.equal(type(assembler, "   "), null);
});

test("two hundred scans at two milliseconds a key are two hundred scans", () => {
  const assembler = new ScanAssembler();
  const codes = Array.from({ length: 200 }, (_, at) => String(1_000_000 + at));
  let at = 0;
  const seen = codes.map((code) => {
    for (const key of code) assembler.key(key, (at += 2));
    return assembler.key("Enter", (at += 2)).text;
  });
  assert.deepEqual(seen, codes);
});

test("the head of a scan whose end was lost does not become part of the next", () => {
  const assembler = new ScanAssembler();
  for (const [index, key] of [..."40063"].entries()) assembler.key(key, index * 2);
  assert.equal(type(assembler, "4006381333931", { from: 1_000 }).text, "4006381333931");
});

test("other keys are no part of a scan; control and right bracket are the group separator", () => {
  const assembler = new ScanAssembler();
  assembler.key("Shift", 0);
  assembler.key("A", 1);
  assembler.key("]", 2, { ctrl: true });
  assembler.key("c", 3, { ctrl: true });
  assembler.key("ArrowLeft", 4);
  assembler.key("B", 5);
  assert.equal(assembler.key("Enter", 6).text, "A\u001dB");
});

test("a scan that is too long is an error and not a shorter scan", () => {
  const assembler = new ScanAssembler();
  assert.equal(type(assembler, "9".repeat(SCAN_LENGTH_MAX)).error, undefined);
  assert.equal(type(assembler, "9".repeat(SCAN_LENGTH_MAX + 1)).error, "too_long");
  assert.equal(type(assembler, "1234").text, "1234");
});

test("AIM identifiers are classified first and stripped then", () => {
  assert.deepEqual(classify("]E04006381333931"), { symbology: "ean13", text: "4006381333931" });
  assert.deepEqual(classify("]d2010400638133393110A1"), { symbology: "gs1_datamatrix", text: "010400638133393110A1" });
  assert.deepEqual(classify("]C0]odd"), { symbology: "code128", text: "]odd" });
  assert.deepEqual(classify("]"), { symbology: "unknown", text: "]" });
  assert.equal(type(new ScanAssembler(), "]E04006381333931", { gap: 300 }).wedge, true, "only scanners send them");
});

test("check digits", () => {
  for (const code of ["96385074", "036000291452", "4006381333931", "10614141000415", "106141412345678908"]) {
    assert.ok(hasCheckDigit(code), code);
    assert.ok(!hasCheckDigit(code.slice(0, -1) + ((Number(code.at(-1)) + 1) % 10)), code);
  }
  assert.ok(!hasCheckDigit("40063813339"));
  assert.equal(comparable("036000291452"), comparable("0036000291452"));
  assert.notEqual(comparable("SHELF-1"), comparable("SHELF-01"));
  assert.equal(comparable("4006381333932"), "4006381333932", "not a GTIN, so nothing is padded");
});

test("the product code is found in element strings and links", () => {
  const code = (text) => productCode(classify(text));
  assert.equal(code("]C1010400638133393110LOT7"), "04006381333931");
  assert.equal(code("]Q3\u001d0104006381333931"), "04006381333931");
  assert.equal(code("(01)04006381333931(10)LOT7"), "04006381333931");
  assert.equal(code("https://id.example/01/04006381333931?10=L"), "04006381333931");
  assert.equal(code("]E04006381333931"), "4006381333931");
  assert.equal(code("0104006381333932"), "0104006381333932", "wrong check digit: taken as it is");
});

test("scans queue up behind a slow one and one that fails, in order", async () => {
  const seen = [];
  let release;
  const first = new Promise((resolve) => (release = resolve));
  const quiet = console.error;
  console.error = () => {};
  const queue = new ScanQueue(async (scan) => {
    if (scan === 1) await first;
    if (scan === 2) throw new Error("cannot be worked");
    seen.push(scan);
  });
  for (const scan of [1, 2, 3, 4]) queue.push(scan);
  assert.equal(queue.length, 3, "pushing has not waited");
  release();
  await new Promise((resolve) => setTimeout(resolve, 5));
  console.error = quiet;
  assert.deepEqual(seen, [1, 3, 4]);
});
