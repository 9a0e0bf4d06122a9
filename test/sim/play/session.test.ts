import assert from "node:assert/strict";
import { test } from "node:test";
import { clockErrorPpmMax } from "../../../src/sim/plan.ts";
import { objectionTo } from "../../../src/sim/play/objection.ts";
import { createWorld } from "../../../src/sim/world.ts";
import { createPlayer, nodeOf, say, sayAll, seenBy, serviceOf } from "./support.ts";

test("session starts every service of the example, each on one node, and breaks no rule", () => {
  const player = createPlayer();
  say(player, "run 20s");
  const { services, brokenRules } = player.view;
  assert.equal(services.length, 6);
  for (const service of services) {
    assert.equal(service.state, "started", service.service);
    assert.equal(service.runsOn.length, 1, service.service);
  }
  assert.deepEqual(serviceOf(player, "redis").runsOn, serviceOf(player, "shop").runsOn);
  assert.notDeepEqual(serviceOf(player, "web-a").runsOn, serviceOf(player, "web-b").runsOn);
  assert.deepEqual(brokenRules, []);
});

test("session recovers the services of a node that lost power, and shows the way there", () => {
  const player = createPlayer();
  sayAll(player, "run 20s");
  const lost = serviceOf(player, "postgres").node;
  assert.equal(lost, "node1");
  sayAll(player, "power node1 off");
  assert.equal(nodeOf(player, "node1").powered, false);
  assert.deepEqual(serviceOf(player, "postgres").runsOn, [], "the copy is dead at once");
  assert.equal(serviceOf(player, "postgres").state, "started", "the manager does not know it yet");
  sayAll(player, "run 30s");
  assert.equal(nodeOf(player, "node1").state, "unknown");
  assert.equal(nodeOf(player, "node1").leaseLeftMs, undefined);
  assert.deepEqual(serviceOf(player, "postgres").runsOn, ["node2"]);
  assert.match(serviceOf(player, "postgres").reason, /node "node1" was lost/);
});

test("backTo shows again exactly what was seen at that moment", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "power node1 off");
  const pictures = new Map<number, string>();
  for (let count = 0; count < 25; count += 1) {
    say(player, "run 1s");
    pictures.set(player.session.nowMs, seenBy(player));
  }
  for (const [atMs, picture] of [...pictures].reverse()) {
    if (atMs < player.session.nowMs) player.session.backTo(atMs);
    assert.equal(seenBy(player), picture, `at ${atMs} ms`);
  }
});

test("backTo and running on gives what was seen before, deeds included", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "network node2 off", "run 3s", "crash manager", "run 40s");
  const before = seenBy(player);
  say(player, "back 50s");
  assert.equal(player.session.laterDeedCount, 2);
  assert.equal(nodeOf(player, "node2").connected, true);
  say(player, "run 50s");
  assert.equal(seenBy(player), before);
  assert.equal(player.session.laterDeedCount, 0);
});

test("act after going back forgets what was done later", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "power node1 off", "run 30s", "back 40s", "power node3 off", "run 60s");
  assert.equal(nodeOf(player, "node1").powered, true);
  assert.equal(nodeOf(player, "node3").powered, false);
  assert.equal(player.session.laterDeedCount, 0);
});

test("undo goes to before the last thing that happened, again and again until the beginning", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "power node1 off", "run 30s");
  const instants: number[] = [];
  for (let count = 0; count < 1_000 && player.session.nowMs > 0; count += 1) {
    const last = player.session.events.at(-1);
    say(player, "undo");
    assert.ok(last === undefined || player.session.nowMs <= last.atMs);
    instants.push(player.session.nowMs);
  }
  assert.equal(player.session.nowMs, 0);
  assert.ok(instants.every((atMs, index) => index === 0 || atMs < (instants[index - 1] ?? 0)));
  assert.equal(say(player, "undo").kind, "refused");
});

test("next stops at the instant of what happens next, with all of that instant", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "power node1 off");
  const { eventCount, nowMs } = player.session;
  say(player, "next");
  assert.ok(player.session.eventCount > eventCount);
  assert.ok(player.session.nowMs > nowMs);
  const added = player.session.events.slice(eventCount - player.session.eventCount);
  assert.ok(added.every((event) => Math.abs(event.atMs - player.session.nowMs) < 1));
});

test("next gives up in a cluster where nothing happens", () => {
  const player = createPlayer();
  say(player, "run 60s");
  const answer = say(player, "next");
  assert.equal(answer.kind, "done");
  assert.match(answer.kind === "done" ? answer.sentence : "", /nothing happened until 11m/);
});

test("toPlan plays in a world of its own exactly what was seen", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "freeze agent node1", "run 2s", "migrate mail node3", "run 30s");
  const world = createWorld(player.session.toPlan());
  world.runUntil(player.session.nowMs);
  assert.deepEqual(world.statuses(), player.session.world.statuses());
  assert.deepEqual([...world.copies], [...player.session.world.copies]);
  assert.equal(world.store.revision, player.session.world.store.revision);
});

test("toPlan leaves out what was done after the present moment", () => {
  const player = createPlayer();
  sayAll(player, "run 20s", "power node1 off", "run 10s", "power node1 on", "back 5s");
  const { actions, endAtMs } = player.session.toPlan();
  assert.deepEqual(
    actions.map(({ action }) => action),
    [{ kind: "power", node: "node1", on: false }],
  );
  assert.ok(endAtMs >= player.session.nowMs);
});

test("two players with the same seed and commands see the same", () => {
  const [left, right] = [createPlayer(7), createPlayer(7)];
  for (const player of [left, right]) {
    sayAll(player, "run 20s", "cut node1 node2", "run 15s", "mend node1 node2", "run 30s");
  }
  assert.equal(seenBy(left), seenBy(right));
});

test("objectionTo() refuses a clock that is so wrong that a play would never end", () => {
  const { view } = createPlayer();
  const [node] = view.nodes;
  assert.ok(node !== undefined);
  for (const [ppm, kind] of [
    [clockErrorPpmMax, undefined],
    [clockErrorPpmMax + 1, "refused"],
    [-clockErrorPpmMax - 1, "refused"],
  ] as const) {
    assert.equal(objectionTo({ kind: "clock", node: node.node, ppm }, view)?.kind, kind);
  }
});
