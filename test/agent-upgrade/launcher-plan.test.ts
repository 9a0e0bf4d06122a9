/** The launcher's decisions: what runs after an order, a crash, a reboot, a word of health, a person's own installation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  afterTrialEnd,
  attemptsMax,
  confirmed,
  initialState,
  neededVersions,
  rolledBack,
  trialOf,
  withAttempt,
  withInstalled,
  withOrder,
} from "../../src/launcher/plan.ts";
import {
  fileText,
  type LaunchState,
  parseHealthy,
  parseOrder,
  parseState,
} from "../../src/launcher/state.ts";

const order = {
  id: "u1",
  version: "0.2.0",
  sha256: "a".repeat(64),
  healthyWithinMs: 1_000,
};
const start = initialState("0.1.0");
const trying = withOrder(start, order, undefined);

/** As it is after a crash: what was written, read again. */
function reread(state: LaunchState): LaunchState {
  const parsed = parseState(fileText(state));
  assert.ok(parsed !== undefined);
  return parsed;
}

test("withOrder() swaps in one step, and takes up an order once, also after a crash", () => {
  assert.equal(trying.running, "0.2.0");
  assert.equal(trialOf(trying)?.from, "");
  assert.deepEqual(reread(trying), trying);
  assert.equal(withOrder(reread(trying), order, undefined).trial?.attempts, 0);
  const back = rolledBack(trying, "no good");
  assert.equal(withOrder(back, order, undefined), back, "the same upgrade is not tried again");
  assert.equal(withOrder(back, { ...order, id: "u2" }, undefined).running, "0.2.0");
});

test("withOrder() with a version that is not there runs what ran before, and says why", () => {
  const refused = withOrder(start, order, "it is not on this machine");
  assert.equal(refused.running, "");
  assert.deepEqual(
    [refused.trial?.phase, refused.trial?.detail],
    ["rolled-back", "it is not on this machine"],
  );
});

test("withOrder() of the installed package runs it in its own place, and can go back from there", () => {
  const good = confirmed(withAttempt(trying));
  const home = { ...order, id: "u3", version: "0.1.0", sha256: "" };
  const back = withOrder(good, home, undefined, "installed");
  assert.deepEqual([back.running, back.trial?.from, back.trial?.to], ["", "0.2.0", "0.1.0"]);
  assert.deepEqual(reread(back), back);
  assert.deepEqual([...neededVersions(back)].sort(), ["0.1.0", "0.2.0"]);
  assert.equal(rolledBack(back, "no good").running, "0.2.0");
});

test("withAttempt() counts starts, whatever ended them, and gives the version up after the last", () => {
  let state = trying;
  for (let count = 1; count <= attemptsMax; count += 1) {
    state = reread(withAttempt(state));
    assert.deepEqual([state.trial?.attempts, state.running], [count, "0.2.0"]);
  }
  const over = withAttempt(state);
  assert.deepEqual([over.running, over.trial?.phase], ["", "rolled-back"]);
  assert.match(over.trial?.detail ?? "", /started 3 times and never became healthy/);
});

test("afterTrialEnd() goes back only when no attempt is left", () => {
  const first = withAttempt(trying);
  assert.equal(afterTrialEnd(first, "exit code 1"), first);
  const last = withAttempt(withAttempt(first));
  const back = afterTrialEnd(last, "exit code 1");
  assert.deepEqual([back.running, back.trial?.detail], ["", "exit code 1"]);
});

test("confirmed() ends the trial: later ends of the agent change nothing any more", () => {
  const good = confirmed(withAttempt(trying));
  assert.equal(trialOf(good), undefined);
  assert.equal(withAttempt(good), good);
  assert.equal(good.running, "0.2.0");
  const next = withOrder(good, { ...order, id: "u2", version: "0.3.0" }, undefined);
  assert.deepEqual([...neededVersions(next)].sort(), ["0.2.0", "0.3.0"]);
  assert.equal(rolledBack(next, "x").running, "0.2.0");
});

test("withInstalled() gives way to the package that a person installs", () => {
  const good = confirmed(trying);
  assert.equal(withInstalled(good, "0.1.0"), good);
  assert.equal(withInstalled(good, "0.5.0").running, "");
  const inTrial = withInstalled(trying, "0.5.0");
  assert.deepEqual([inTrial.running, inTrial.trial?.phase], ["", "rolled-back"]);
});

test("rolledBack() keeps a reason that a server takes", () => {
  assert.equal(rolledBack(trying, "x".repeat(10_000)).trial?.detail.length, 1_900);
});

test("the files' parsers take nothing that could become another path", () => {
  assert.deepEqual(parseOrder(fileText(order)), order);
  assert.deepEqual(parseHealthy(fileText({ id: "u1", pid: 7 })), { id: "u1", pid: 7 });
  const bad = ["", "{", "[]", "null", "{}", fileText({ ...order, version: "../../etc" })];
  for (const text of bad) assert.equal(parseOrder(text), undefined, text);
  assert.equal(parseState(fileText({ ...start, running: ".." })), undefined);
  assert.equal(parseState(fileText({ ...start, running: "0.2.0/../.." })), undefined);
});
