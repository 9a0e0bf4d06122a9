/** Random faults, each with its end. */
import type { Action } from "../plan.ts";
import { randomMisbehaviour } from "./cluster.ts";
import type { Weighted } from "./dice.ts";
import type { Script } from "./moment.ts";

type Event = (script: Script, atMs: number) => void;

/** What can go wrong, and how often. */
export const faults: readonly Weighted<Event>[] = [
  [10, powerLoss],
  [4, massPowerLoss],
  [8, networkLoss],
  [8, cut],
  [5, badLink],
  [9, pause],
  [9, crash],
  [10, managerCrash],
  [3, clockError],
  [7, storeFault],
  [7, driverFault],
  [8, workloadExit],
  [6, departure],
  [5, agentRestart],
  [2, serverStop],
  [2, skippedRounds],
  [3, lock],
];

function powerLoss(script: Script, atMs: number): void {
  const { dice } = script;
  const node = script.node();
  const forMs = script.while();
  script.during(atMs, forMs, [
    { kind: "power", node, on: false },
    { kind: "power", node, on: true },
  ]);
  if (dice.chance(25)) script.at(atMs + dice.between(0, forMs), { kind: "confirm-off", node });
}

/** Up to all nodes at the same instant, as when a rack or a room loses power. */
function massPowerLoss(script: Script, atMs: number): void {
  const forMs = script.while();
  for (const { node } of script.dice.some(script.cast.nodes, 70)) {
    script.during(atMs, forMs + script.dice.between(0, 500), [
      { kind: "power", node, on: false },
      { kind: "power", node, on: true },
    ]);
  }
}

function networkLoss(script: Script, atMs: number): void {
  const node = script.node();
  script.during(atMs, script.while(), [
    { kind: "network", node, on: false },
    { kind: "network", node, on: true },
  ]);
}

/** Between one node and some others: in one direction, or both. */
function cut(script: Script, atMs: number): void {
  const { dice, cast } = script;
  const node = script.node();
  const forMs = script.while();
  const direction = dice.pick(["from", "to", "both"] as const);
  for (const { node: other } of dice.some(cast.nodes, 60)) {
    if (other === node) continue;
    const ways = [
      { from: node, to: other },
      { from: other, to: node },
    ].filter((_, index) => direction === "both" || (direction === "from") === (index === 0));
    for (const way of ways) {
      script.during(atMs, forMs, [
        { kind: "cut", ...way, on: true },
        { kind: "cut", ...way, on: false },
      ]);
    }
  }
}

function badLink(script: Script, atMs: number): void {
  const { dice } = script;
  const node = script.node();
  const bad: Action = {
    kind: "link",
    node,
    delayMs: dice.chance(50) ? dice.spread(1, 2_000) : 0,
    lossShare: dice.chance(60) ? dice.between(1, 80) / 100 : 0,
    jitterMs: dice.chance(50) ? dice.spread(1, 3_000) : 0,
  };
  script.during(atMs, script.while() * 2, [
    bad,
    { kind: "link", node, delayMs: 0, lossShare: 0, jitterMs: 0 },
  ]);
}

/**
 * A guard is assumed to be given its time by the kernel (docs/safety.md): it is paused for less than the margin that
 * it has for killing.
 */
function pause(script: Script, atMs: number): void {
  const { dice, cast } = script;
  const node = script.node();
  const part = dice.weighted([
    [5, "agent"],
    [5, "server"],
    [1, "guard"],
  ] as const);
  const marginMs = cast.times.ttlMs - cast.times.watchdogMs;
  const forMs = part === "guard" ? dice.between(1, Math.floor(marginMs / 3)) : script.while();
  script.during(atMs, forMs, [
    { kind: "pause", node, part, on: true },
    { kind: "pause", node, part, on: false },
  ]);
}

function crash(script: Script, atMs: number): void {
  const { dice } = script;
  const part = dice.pick(["agent", "server"] as const);
  const node = part === "server" ? script.server() : script.node();
  script.at(atMs, { kind: "crash", node, part, restartAfterMs: restartAfterMs(script, atMs) });
}

/** It is back before the time of faults is over. */
function restartAfterMs(script: Script, atMs: number): number {
  const wishedMs = script.dice.chance(50) ? script.dice.spread(10, 2_000) : script.while();
  return Math.max(1, Math.min(60_000, wishedMs, script.untilMs - Math.round(atMs)));
}

/** Right after one of the manager's next writes; often something happens that makes it write. */
function managerCrash(script: Script, atMs: number): void {
  const { dice } = script;
  const afterWrites = dice.weighted([
    [4, 1],
    [3, 2],
    [2, 3],
    [1, dice.between(4, 10)],
  ]);
  const crashed: Action = {
    kind: "crash-manager",
    afterWrites,
    restartAfterMs: dice.spread(10, 2_000),
  };
  script.at(atMs, crashed);
  const cause = dice.weighted<Event | undefined>([
    [3, powerLoss],
    [2, moveOne],
    [1, workloadExit],
    [1, undefined],
  ]);
  cause?.(script, atMs + dice.between(0, 50));
}

function moveOne(script: Script, atMs: number): void {
  const by = script.dice.pick(["migrate", "relocate"] as const);
  script.at(atMs, { kind: "move", service: script.service(), by, target: script.node() });
}

function clockError(script: Script, atMs: number): void {
  script.at(atMs, { kind: "clock", node: script.node(), ppm: script.dice.between(-1_000, 1_000) });
}

function storeFault(script: Script, atMs: number): void {
  const { dice } = script;
  const mode = dice.weighted([
    [4, "unavailable"],
    [3, "slow"],
    [3, "read-only"],
  ] as const);
  const server = dice.chance(60) ? script.server() : undefined;
  script.during(atMs, script.while(), [
    { kind: "store", mode, server },
    { kind: "store", mode: "ok", server },
  ]);
}

function driverFault(script: Script, atMs: number): void {
  const { dice, cast } = script;
  const service = script.service();
  const misbehaviour = dice.chance(70) ? randomMisbehaviour(dice, cast.nodes) : undefined;
  script.during(atMs, script.while() * 3, [
    { kind: "driver", service, misbehaviour, hangs: dice.chance(30) },
    { kind: "driver", service, misbehaviour: undefined, hangs: false },
  ]);
}

function workloadExit(script: Script, atMs: number): void {
  const service = script.service();
  const count = script.dice.weighted([
    [4, 1],
    [1, 3],
  ]);
  for (let index = 0; index < count; index += 1) {
    script.at(atMs + index * script.while(), { kind: "workload-exit", service });
  }
}

function departure(script: Script, atMs: number): void {
  const node = script.node();
  if (script.dice.chance(50)) {
    script.at(atMs, { kind: "reboot", node });
    return;
  }
  script.during(atMs, script.while() * 2, [
    { kind: "shutdown", node },
    { kind: "power", node, on: true },
  ]);
}

function agentRestart(script: Script, atMs: number): void {
  script.at(atMs, { kind: "restart-agent", node: script.node() });
}

function serverStop(script: Script, atMs: number): void {
  script.at(atMs, { kind: "stop-server", node: script.server() });
}

function skippedRounds(script: Script, atMs: number): void {
  const { dice } = script;
  const part = dice.pick(["manager", "agents"] as const);
  const node = dice.chance(50) ? script.node() : undefined;
  script.at(atMs, { kind: "skip-rounds", part, node, count: dice.between(1, 5) });
}

function lock(script: Script, atMs: number): void {
  const service = script.service();
  script.during(atMs, script.while(), [
    { kind: "lock", service, name: script.dice.pick(["backup", "migrate", "held"]) },
    { kind: "lock", service, name: undefined },
  ]);
}
