import assert from "node:assert/strict";
import { test } from "node:test";
import { createPlayer, nodeOf, say, sayAll, serviceOf } from "./support.ts";

test("advance passes time at the chosen speed, and none while it stands still", () => {
  const player = createPlayer();
  player.advance(1_000);
  assert.equal(player.session.nowMs, 0);
  sayAll(player, "go");
  player.advance(1_000);
  assert.equal(player.session.nowMs, 1_000);
  sayAll(player, "speed 60x");
  player.advance(500);
  assert.equal(player.session.nowMs, 31_000);
  sayAll(player, "pause");
  player.advance(1_000);
  assert.equal(player.session.nowMs, 31_000);
});

test("advance stands still at the end of the session", () => {
  const player = createPlayer();
  sayAll(player, "go", "speed 1000");
  for (let count = 0; count < 100; count += 1) player.advance(1_000_000);
  assert.equal(player.session.nowMs, player.session.endMs);
  assert.equal(player.paused, true);
  assert.equal(say(player, "run 1s").kind, "refused");
  assert.equal(say(player, "power node1 off").kind, "refused");
});

test("takeEvents gives each event once, also over deeds and journeys back", () => {
  const player = createPlayer();
  say(player, "run 20s");
  const first = player.takeEvents();
  assert.ok(first.length > 20);
  assert.deepEqual(player.takeEvents(), []);
  say(player, "power node1 off");
  const deeds = player.takeEvents();
  assert.deepEqual(
    deeds.map(({ tone, sentence }) => [tone, sentence]),
    [["deed", "power node1 off"]],
  );
  sayAll(player, "run 20s", "back 20s");
  assert.deepEqual(player.takeEvents(), []);
  say(player, "run 20s");
  assert.ok(player.takeEvents().some(({ sentence }) => sentence.includes("fence")));
});

const refusals: readonly (readonly [string, RegExp])[] = [
  ["power node1 on", /already/],
  ["network node2 on", /already/],
  ["maintenance node3 off", /already/],
  ["start shop", /already/],
  ["migrate postgres node1", /already/],
  ["arm", /already/],
  ["thaw agent node1", /already/],
  ["confirm-off node1", /live lease/],
  ["cut node1 node1", /two nodes/],
  ["run 0s", /how long/],
  ["run 2d", /24h/],
  ["speed 5000", /between/],
];
for (const [line, why] of refusals) {
  test(`execute does nothing on "${line}" and says why`, () => {
    const player = createPlayer();
    say(player, "run 20s");
    const before = player.session.nowMs;
    const answer = say(player, line);
    assert.ok(answer.kind === "already" || answer.kind === "refused", answer.kind);
    assert.match(answer.sentence, why);
    assert.equal(player.session.nowMs, before);
    assert.equal(player.session.toPlan().actions.length, 0);
  });
}

test("execute refuses what a node without power cannot do", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "power node2 off", "run 20s");
  for (const line of [
    "network node2 off",
    "maintenance node2 on",
    "migrate mail node2",
    "reboot node2",
    "crash agent node2",
    "freeze guard node2",
  ]) {
    const answer = say(player, line);
    assert.equal(answer.kind, "refused", line);
    assert.match(answer.kind === "refused" ? answer.sentence : "", /node2/);
  }
});

test("execute refuses maintenance while the cluster is disarmed", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "disarm", "run 10s");
  assert.deepEqual(player.view.arming, { mode: "freeze", state: "disarmed" });
  assert.equal(say(player, "maintenance node1 on").kind, "refused");
  assert.equal(say(player, "disarm ignore").kind, "refused");
  sayAll(player, "arm", "run 10s");
  assert.deepEqual(player.view.arming, { mode: "armed", state: "armed" });
});

test("maintenance moves the services away and lets them come back", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "maintenance node1 on", "run 30s");
  assert.equal(nodeOf(player, "node1").state, "maintenance");
  assert.deepEqual(nodeOf(player, "node1").running, []);
  sayAll(player, "maintenance node1 off", "run 30s");
  assert.equal(nodeOf(player, "node1").state, "online");
  assert.deepEqual(serviceOf(player, "postgres").runsOn, ["node1"]);
});

test("crash-manager ends the server of whoever is manager, and another one takes over", () => {
  const player = createPlayer();
  say(player, "run 20s");
  const [first] = player.view.managers;
  assert.ok(first !== undefined);
  say(player, "crash manager");
  assert.equal(nodeOf(player, first).server, "down");
  assert.equal(say(player, "crash manager").kind, "refused");
  say(player, "run 20s");
  assert.equal(player.view.managers.length, 1);
  assert.equal(nodeOf(player, first).server, "runs");
});

test("why explains with the manager's own facts, and says so when there is no manager", () => {
  const player = createPlayer();
  say(player, "run 20s");
  const answer = say(player, "why web-a");
  assert.equal(answer.kind, "why");
  if (answer.kind !== "why") return;
  assert.match(answer.explanation.summary, /^process:web-a is started on node/);
  assert.equal(answer.explanation.nodes.length, 3);
  assert.ok(answer.explanation.rules.some((rule) => rule.includes("process:web-b")));
  say(player, "crash manager");
  assert.equal(say(player, "why web-a").kind, "refused");
});

test("freezing an agent lets its watchdog act before its lease ends", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "freeze agent node1");
  const node = nodeOf(player, "node1");
  assert.equal(node.agent, "paused");
  const { leaseLeftMs = 0, watchdogLeftMs = 0 } = node;
  assert.ok(watchdogLeftMs > 0 && watchdogLeftMs < leaseLeftMs);
  player.session.runTo(player.session.nowMs + watchdogLeftMs + 1);
  assert.deepEqual(nodeOf(player, "node1").running, []);
  say(player, "run 20s");
  assert.equal(serviceOf(player, "postgres").runsOn.length, 1);
  assert.notDeepEqual(serviceOf(player, "postgres").runsOn, ["node1"]);
});
