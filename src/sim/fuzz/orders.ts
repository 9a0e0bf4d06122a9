/** Random things that people ask of a cluster. */
import type { RequestedState } from "../../core/model/service.ts";
import type { ServicePlan } from "../plan.ts";
import { randomGroup, randomRule, randomService, randomSettings, taintNames } from "./cluster.ts";
import type { Weighted } from "./dice.ts";
import type { Script } from "./moment.ts";

type Event = (script: Script, atMs: number) => void;

/** What people do, and how often. */
export const orders: readonly Weighted<Event>[] = [
  [16, request],
  [14, move],
  [4, stop],
  [4, ignoreAndMove],
  [6, maintenance],
  [4, disarm],
  [4, taint],
  [1, removeNode],
  [4, add],
  [3, remove],
  [5, resize],
  [4, putRule],
  [2, removeRule],
  [2, putGroup],
  [2, settings],
  [5, rush],
  [3, freeze],
];

const wishes: readonly Weighted<RequestedState>[] = [
  [10, "started"],
  [3, "stopped"],
  [3, "disabled"],
  [1, "ignored"],
];

function request(script: Script, atMs: number): void {
  const service = script.service();
  const state = script.dice.weighted(wishes);
  script.at(atMs, { kind: "request", service, state });
  if (state === "started" || script.dice.chance(20)) return;
  script.at(atMs + script.while(), { kind: "request", service, state: "started" });
}

function move(script: Script, atMs: number): void {
  const by = script.dice.pick(["migrate", "relocate"] as const);
  script.at(atMs, { kind: "move", service: script.service(), by, target: script.node() });
}

function stop(script: Script, atMs: number): void {
  const service = script.service();
  const timeoutMs = script.dice.pick([0, 100, 5_000]);
  script.at(atMs, { kind: "stop", service, timeoutMs });
  script.at(atMs + script.while(), { kind: "request", service, state: "started" });
}

/** A person takes a service out of management, moves it by hand, says so, and gives it back. */
function ignoreAndMove(script: Script, atMs: number): void {
  const service = script.service();
  const forMs = script.while() + 1_000;
  script.at(atMs, { kind: "request", service, state: "ignored" });
  if (script.dice.chance(60)) {
    script.at(atMs + forMs / 2, { kind: "located", service, node: script.node() });
  }
  script.at(atMs + forMs, { kind: "request", service, state: "started" });
}

function maintenance(script: Script, atMs: number): void {
  const node = script.node();
  script.during(atMs, script.while() * 2, [
    { kind: "maintenance", node, on: true },
    { kind: "maintenance", node, on: false },
  ]);
}

/** What a person wants of a whole node; some of it is never taken back. */
export function nodeMode(script: Script, atMs: number): void {
  const { dice } = script;
  const node = script.node();
  const order = dice.weighted([
    [3, "disable"],
    [3, "flush"],
    [3, "offline"],
    [1, "enable"],
  ] as const);
  script.at(atMs, { kind: "node-mode", node, order });
  if (dice.chance(20)) script.at(atMs, { kind: "power", node, on: false });
  const backAtMs = atMs + script.while() * 2;
  if (dice.chance(85)) script.at(backAtMs, { kind: "node-mode", node, order: "enable" });
}

function taint(script: Script, atMs: number): void {
  const node = script.node();
  const name = script.dice.pick(taintNames);
  script.at(atMs, { kind: "taint", node, name, on: true });
  if (script.dice.chance(60)) {
    script.at(atMs + script.while() * 2, { kind: "taint", node, name, on: false });
  }
}

/** It is switched off for good, and taken out some time after that. */
function removeNode(script: Script, atMs: number): void {
  const node = script.node();
  if (script.dice.chance(50)) script.at(atMs, { kind: "power", node, on: false });
  else script.at(atMs, { kind: "shutdown", node });
  script.at(atMs + script.while(), { kind: "remove-node", node });
}

function disarm(script: Script, atMs: number): void {
  const { dice } = script;
  const mode = dice.pick(["freeze", "ignore"] as const);
  const forMs = script.while();
  script.during(atMs, forMs, [
    { kind: "arming", mode },
    { kind: "arming", mode: "armed" },
  ]);
  if (mode === "ignore" && dice.chance(40)) {
    script.at(atMs + forMs / 2, {
      kind: "located",
      service: script.service(),
      node: script.node(),
    });
  }
}

/** People's other words are refused meanwhile; it ends by itself, or is taken back. */
function freeze(script: Script, atMs: number): void {
  const { dice } = script;
  const failover = dice.pick(["goes-on", "held"] as const);
  const lastingMs = script.while() * 2;
  const forMs = dice.chance(50) ? lastingMs : undefined;
  script.during(atMs, lastingMs, [{ kind: "freeze", failover, forMs }, { kind: "unfreeze" }]);
}

function add(script: Script, atMs: number): void {
  const { dice, cast } = script;
  const index = cast.services.length + 1;
  const world = { nodes: cast.nodes, groups: [], before: cast.services };
  const service: ServicePlan = randomService(dice, index, world);
  cast.services.push(service);
  // Where one that runs already would be started a second time is the matter of the person who says so.
  script.at(atMs, { kind: "add", service, running: false });
}

function remove(script: Script, atMs: number): void {
  script.at(atMs, { kind: "remove", service: script.service(), release: script.dice.chance(30) });
}

function resize(script: Script, atMs: number): void {
  const { dice } = script;
  script.at(atMs, {
    kind: dice.pick(["limits", "usage", "usage"] as const),
    service: script.service(),
    cpuCores: dice.chance(70) ? dice.between(0, 6) : undefined,
    memoryBytes: dice.chance(70) ? dice.between(0, 8) * 1024 ** 3 : undefined,
  });
}

const ruleNames = ["r1", "r2", "r3"] as const;
const groupNames = ["g1", "g2"] as const;

function putRule(script: Script, atMs: number): void {
  const { dice, cast } = script;
  script.at(atMs, { kind: "put-rule", rule: randomRule(dice, dice.pick(ruleNames), cast) });
}

function removeRule(script: Script, atMs: number): void {
  script.at(atMs, { kind: "remove-rule", name: script.dice.pick(ruleNames) });
}

function putGroup(script: Script, atMs: number): void {
  const { dice, cast } = script;
  const name = dice.pick(groupNames);
  script.at(atMs, { kind: "put-group", group: randomGroup(dice, name, cast.nodes) });
}

function settings(script: Script, atMs: number): void {
  script.at(atMs, { kind: "settings", settings: randomSettings(script.dice) });
}

/** Several wishes about one service within a moment. */
function rush(script: Script, atMs: number): void {
  const { dice } = script;
  const service = script.service();
  for (let index = dice.between(2, 5); index > 0; index -= 1) {
    const thenMs = atMs + dice.between(0, 300);
    if (dice.chance(50))
      script.at(thenMs, { kind: "request", service, state: dice.weighted(wishes) });
    else
      script.at(thenMs, {
        kind: "move",
        service,
        by: dice.pick(["migrate", "relocate"]),
        target: script.node(),
      });
  }
  script.at(atMs + 400, { kind: "request", service, state: "started" });
}
