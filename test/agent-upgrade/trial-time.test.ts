/** How long a version on trial may take: work on its store lengthens it, and what hangs is found all the same. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileText, parseHealthy, parseProgress } from "../../src/launcher/state.ts";
import { createTrialTime, trialMsMax } from "../../src/launcher/trial-time.ts";

const word = (count: number) => ({ id: "u1/1/switch/1", pid: 7, count });

test("over() gives a version up that says nothing within its time", () => {
  const time = createTrialTime(120_000, 5_000);
  assert.equal(time.over(124_999, undefined), undefined);
  assert.equal(time.over(125_000, undefined), "was not healthy within 120 s");
});

test("over() counts from the last part of the work on the store, however long all of it takes", () => {
  const time = createTrialTime(120_000, 0);
  for (let count = 1; count <= 10; count += 1) {
    assert.equal(time.over(count * 100_000, word(count)), undefined, `${count}`);
  }
  assert.equal(time.over(1_119_999, word(10)), undefined);
  const why = "was not healthy within 120 s after the last part of its work on the store";
  assert.equal(time.over(1_120_000, word(10)), why, "the same word again is no progress");
});

test("over() gives up in the end, whatever is said", () => {
  const time = createTrialTime(120_000, 0);
  assert.equal(time.over(120_000, undefined), "was not healthy within 120 s");
  const busy = createTrialTime(120_000, 0);
  let atMs = 0;
  let count = 0;
  for (; atMs < trialMsMax; atMs += 60_000) assert.equal(busy.over(atMs, word(++count)), undefined);
  assert.equal(busy.over(atMs, word(++count)), "was not healthy within 3600 s");
});

test("the word of progress is read as it was written, and is no word of health", () => {
  assert.deepEqual(parseProgress(fileText(word(3))), word(3));
  assert.deepEqual(parseHealthy(fileText(word(3))), { id: "u1/1/switch/1", pid: 7 });
  for (const text of ["", "{", "{}", fileText({ id: "u1", pid: 7 })]) {
    assert.equal(parseProgress(text), undefined, text);
  }
});
