/** Words, numbers and tables as people write and read them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatSpan,
  parseCount,
  parseDuration,
  parseSize,
  writeDuration,
  writeSize,
} from "../../src/cli/format/quantity.ts";
import { formatTable } from "../../src/cli/format/table.ts";
import { cutToWidth, oneLine, textWidth } from "../../src/cli/format/text-width.ts";

test("parseDuration() takes a number and a unit, and nothing else", () => {
  const good = {
    "500ms": 500,
    "10s": 10_000,
    "1.5s": 1_500,
    "2m": 120_000,
    "1h": 3_600_000,
    "7d": 604_800_000,
    "0s": 0,
  };
  for (const [text, ms] of Object.entries(good))
    assert.deepEqual(parseDuration(text), { ok: true, value: ms });
  for (const text of ["", "10", "s", "-1s", "1 s", "1S", "1e3s", "1s1s", "constructor"]) {
    assert.equal(parseDuration(text).ok, false, text);
  }
});

test("parseSize() and parseCount() take whole numbers only", () => {
  assert.deepEqual(parseSize("10M"), { ok: true, value: 10_485_760 });
  assert.deepEqual(parseSize("4096"), { ok: true, value: 4_096 });
  assert.deepEqual(parseCount("12"), { ok: true, value: 12 });
  for (const text of ["", "1.5M", "M", "10T", "-1"]) assert.equal(parseSize(text).ok, false, text);
  for (const text of ["", "1.5", "-1", "0x10", "1e3"])
    assert.equal(parseCount(text).ok, false, text);
});

test("writeDuration() and writeSize() write what parseDuration() and parseSize() read", () => {
  for (const text of ["0ms", "50ms", "1500ms", "10s", "2m", "1h", "7d"]) {
    const parsed = parseDuration(text);
    assert.equal(parsed.ok && writeDuration(parsed.value), text);
  }
  for (const text of ["0", "1", "1500", "4K", "10M", "1G"]) {
    const parsed = parseSize(text);
    assert.equal(parsed.ok && writeSize(parsed.value), text);
  }
});

test("formatSpan() shows the two largest units", () => {
  const spans = {
    0: "0.0s",
    1250: "1.3s",
    59999: "59s",
    61000: "1m 1s",
    7260000: "2h 1m",
    93600000: "1d 2h",
  };
  for (const [ms, text] of Object.entries(spans)) assert.equal(formatSpan(Number(ms)), text);
  assert.equal(formatSpan(-5), "0.0s", "a clock that is behind the server's");
});

test("textWidth() counts columns, not characters", () => {
  const widths = { abc: 3, ümläut: 6, "e\u0301": 1, 日本: 4, "👩‍💻": 2, "": 0, ｱ: 1 };
  for (const [text, width] of Object.entries(widths)) assert.equal(textWidth(text), width, text);
});

test("cutToWidth() never takes more columns than it may", () => {
  assert.equal(cutToWidth("abcdef", 6), "abcdef");
  assert.equal(cutToWidth("abcdef", 4), "abc…");
  assert.equal(cutToWidth("日本語", 4), "日…");
});

test("oneLine() leaves no character that steers a terminal", () => {
  assert.equal(oneLine("a\r\n\tb\u001b[31m\u0007\u009b"), "a b�[31m��");
});

test("formatTable() aligns columns of wide characters, and cuts the last one", () => {
  const rows = [
    ["日本", "a", "first"],
    ["node", { text: "bb", paint: (text: string) => `<${text}>` }, "a long sentence"],
  ];
  const table = formatTable(["N", "S", "WHY"], rows, { widthMax: 20, paintHeader: (text) => text });
  assert.equal(table, "N     S   WHY\n日本  a   first\nnode  <bb>  a long se…\n");
});
