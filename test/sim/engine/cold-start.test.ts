/** A cluster whose nodes come in one after the other: its services are spread over them, and nobody waits for long. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Plan } from "../../../src/sim/plan.ts";
import { at, nodeOf, type Play, planOf, play } from "./support.ts";

const names = ["node1", "node2", "node3"];
const ttlMs = 6_000;

/** All are off at first; each is switched on at its second. */
function switchedOn(seconds: readonly number[], coldStartMs?: number): Plan {
  const actions = seconds.map((second, index) =>
    at(second, { kind: "power", node: nodeOf(names[index] ?? ""), on: true } as const),
  );
  return planOf({ power: "off", settings: { coldStartMs }, actions });
}

function countsOf({ world }: Play): readonly number[] {
  return names.map(
    (name) =>
      [...world.copies.values()].filter((copy) => copy.node === name && copy.state === "running")
        .length,
  );
}

/** When the node came online, and when the first service was started. */
function instantsOf({ trace, changes }: Play): { onlineAtMs: number; startedAtMs: number } {
  const [onlineAt = 0] = trace.flatMap((line) =>
    line.kind === "node" && line.state === "online" ? [line.t] : [],
  );
  const started = changes.find(({ state }) => state === "starting");
  return { onlineAtMs: onlineAt * 1_000, startedAtMs: started?.atMs ?? 0 };
}

describe("a cluster that is switched on", () => {
  it("has its services spread over nodes that come in one after the other", () => {
    assert.deepEqual(countsOf(play(switchedOn([1, 3, 5]))), [2, 2, 2]);
    assert.deepEqual(countsOf(play(switchedOn([1, 3, 5], 0))), [6, 0, 0], "the wait did it");
  });

  it("starts them as soon as all known nodes are in", () => {
    const played = play(switchedOn([1, 1, 1]));
    const { onlineAtMs, startedAtMs } = instantsOf(played);
    assert.deepEqual(countsOf(played), [2, 2, 2]);
    assert.ok(startedAtMs - onlineAtMs < 1_000, `started after ${startedAtMs - onlineAtMs} ms`);
  });

  it("waits for a node that does not come as long as a lease lives, and no longer", () => {
    const played = play(switchedOn([1, 1]));
    const { onlineAtMs, startedAtMs } = instantsOf(played);
    assert.deepEqual(countsOf(played), [3, 3, 0]);
    const waitedMs = startedAtMs - onlineAtMs;
    assert.ok(waitedMs >= ttlMs - 50 && waitedMs < ttlMs + 500, `started after ${waitedMs} ms`);
  });
});
