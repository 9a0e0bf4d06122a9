/** Records of the kinds that the cluster of `make-fixture.ts` does not come to write. */
import type { RawEntry, RawJson } from "../../../src/core/migrations/migration.ts";

const sha256 = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
const atMs = 1_800_000_000_000;
const release = { version: "1.1.0", inputsKey: "7" };

function of(key: string, value: { readonly [field: string]: RawJson }): RawEntry {
  return { key, value: { version: 1, ...value } };
}

const people: readonly RawEntry[] = [
  of("removed-nodes/node9", { node: "node9", identity: "abc", epoch: 4, because: "by eve", atMs }),
  of("commands/process:web", {
    ...{ id: "c1", kind: "relocate", target: "node2", by: "eve" },
  }),
  of("usages/process:web", { cpuCores: 0.5, memoryBytes: 1_000_000 }),
  of(`bundles/${sha256}`, {
    ...{ sha256, name: "holdfast-0.2.0.tgz", sizeBytes: 12, by: "eve", atMs },
    ...{ package: { version: "0.2.0", schema: 1 }, signature: "c2ln" },
  }),
  of(`bundle-copies/${sha256}/1`, { atMs }),
  of("agent-orders/r1", {
    node: "node1",
    order: {
      ...{ kind: "log-request", requestId: "r1", service: "process:web" },
      ...{ linesMax: 10, follow: true },
    },
    answerTo: "https://10.0.0.1:7440",
  }),
];

const servers: readonly RawEntry[] = [
  of("office-address", { serverId: "1", address: "10.0.0.9/24", state: "held" }),
  of("server-config-orders/1", { id: "1", order: "o1", change: { logLevel: "debug" } }),
  of("manager", { serverId: "1", electedAtMs: atMs }),
  of("server-leases/1", { id: "1" }),
  of("lost-servers/2", { id: "2", sinceMs: atMs, because: "the others would have no majority" }),
  of("server-removals/2", { id: "2", kind: "person", by: "eve", atMs }),
  of("removed-servers/3", { id: "3", name: "three", because: "by eve", atMs }),
  of("server-upgrades/1", {
    ...{ id: "u1/1/switch/1", order: "switch", package: { version: "0.2.0", sha256 } },
    ...{ schema: 1, healthyWithinMs: 60_000 },
  }),
  of("server-upgrade-reports/1", {
    ...{ id: "u1/1/switch/1", state: "healthy", serverVersion: "0.2.0", detail: "", atMs },
  }),
  of("joins/4", {
    ...{ id: "4", name: "four", peerUrl: "https://10.0.0.4:7442", url: "https://10.0.0.4:7440" },
    sinceMs: atMs,
  }),
  of("revocations/0a1b", {
    ...{ serial: "0a1b", authority: "cluster", holder: "server 3", because: "by eve", atMs },
  }),
  of("silence", { by: "u1", ttlMs: 180_000 }),
  of("backup-schedule", { everyMs: 21_600_000, keep: 14, by: "eve", sinceMs: atMs }),
  of("backup-run", {
    ...{ sinceMs: atMs, donePeriod: 0 },
    made: { atMs, server: "1", path: "/var/lib/holdfast/backups/b", sizeBytes: 12, sha256 },
  }),
  of("system-upgrade", {
    ...{ id: "u1", by: "eve", strategy: "rolling", from: "0.1.0" },
    ...{ to: { version: "0.2.0", sha256 }, schema: { from: 1, to: 1 }, pauseAfter: ["backup"] },
    ...{ state: "paused", detail: "by eve", attempt: 1, startedAtMs: atMs },
    steps: [{ name: "check", kind: "check", state: "done", detail: "", beganAtMs: atMs }],
  }),
];

const fleet: readonly RawEntry[] = [
  of("rollouts/edge/00000001", {
    ...{ deployment: "edge", number: 1, generation: 2, to: release, state: "running" },
    ...{ because: "version 1.1.0", startedAtMs: atMs, total: 2, done: 1, failed: 0, offline: 0 },
    withheld: [],
  }),
  of("rollout-orders/edge", { id: "o1", order: "pause", by: "eve" }),
  of("upgrade-slots/pair", {
    ...{ group: "pair", node: "node1", sinceMs: atMs },
    use: { kind: "service", deployment: "edge", from: "1.0.0", to: "1.1.0" },
  }),
  of("policies/nightly", {
    policy: {
      ...{ name: "nightly", agentVersion: "latest", start: "2026-11-20T01:00:00Z" },
      ...{ allowDowngrade: false, spreadMs: 0, enabled: true },
      ...{ healthyWithinMs: 120_000, nodesAtOnce: 10 },
    },
    ...{ generation: 1, startAtMs: atMs, by: "eve", addedAtMs: atMs },
  }),
  of("agent-upgrades/node1", {
    ...{ node: "node1", policy: "nightly", generation: 1, id: "a1", from: "0.1.0", to: "0.2.0" },
    ...{ package: { version: "0.2.0", sha256 }, order: "install", state: "initiated" },
    ...{ detail: "", healthyWithinMs: 120_000, sinceMs: atMs },
  }),
  of("agent-upgrade-reports/node1", {
    ...{ id: "a1", state: "success", detail: "", agentVersion: "0.2.0", atMs },
  }),
];

export const writtenDown: readonly RawEntry[] = [...people, ...servers, ...fleet];
