/**
 * Losses in the middle of an upgrade: which process is killed, and at which of the states that an instance goes through.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../harness/wait.ts";
import { askMember } from "./prober.ts";
import type { WebDeployment } from "./web-deployment.ts";
import type { WebFleet } from "./web-fleet.ts";

/** `node`: agent, guard and workloads of the node under upgrade. `manager`: the server. */
export const victims = ["node", "manager", "both"] as const;
/**
 * `wanted`: the deployment is changed. `begun`: the slot is taken. `stopped`: the old copy answers no more. `started`:
 * the new one listens and is not healthy. `healthy`: it is, and the upgrade goes on. `done`: the slot is given back.
 */
export const steps = ["wanted", "begun", "stopped", "started", "healthy", "done"] as const;

export interface KillCase {
  readonly victim: (typeof victims)[number];
  readonly step: (typeof steps)[number];
  /** A node comes back at once, or only after its lease has ended and it was fenced. */
  readonly back: "at-once" | "after-fencing";
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** So many cases of all, in an order that the seed decides: each victim and each step comes before one comes again. */
export function chooseCases(count: number, random: () => number): readonly KillCase[] {
  const shuffledSteps = shuffled(steps, random);
  const shuffledVictims = shuffled(victims, random);
  const cases: KillCase[] = [];
  for (let turn = 0; turn < steps.length; turn += 1) {
    for (const [index, victim] of shuffledVictims.entries()) {
      const step = shuffledSteps[(turn + index * 2) % steps.length];
      if (step === undefined) continue;
      cases.push({ victim, step, back: random() < 0.5 ? "at-once" : "after-fencing" });
    }
  }
  return cases.slice(0, count);
}

function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((left, right) => left.place - right.place)
    .map(({ item }) => item);
}

/** Waits until the first instance that is upgraded is at the step; the answer is its node. */
export async function reach(
  fleet: WebDeployment,
  step: KillCase["step"],
  version: string,
): Promise<string> {
  const [first = ""] = fleet.members.keys();
  if (step === "wanted") return first;
  const node = await waitFor("an upgrade to begin", 15_000, async () => {
    const { instances } = await fleet.status();
    return instances.find(({ upgrade }) => upgrade !== undefined)?.node;
  });
  const member = fleet.memberOf(node);
  const answersWell = async () => (await askMember(member)) !== undefined;
  const isUpgraded = async () => (await askMember(member))?.version === version;
  switch (step) {
    case "begun":
      break;
    case "stopped":
      await waitFor(`the copy of ${node} to stop`, 15_000, async () => !(await answersWell()));
      break;
    case "started":
      await waitFor(`the copy of ${node} to stop`, 15_000, async () => !(await answersWell()));
      await waitFor(`the new copy of ${node} to listen`, 15_000, () => fleet.listens(node));
      break;
    case "healthy":
      await waitFor(`the new copy of ${node} to be healthy`, 15_000, isUpgraded);
      break;
    case "done":
      await fleet.becomes(`the upgrade of ${node} to end`, ({ instances }) =>
        instances.some((one) => one.node === node && one.upgrade === undefined),
      );
      break;
  }
  return node;
}

/** Kills what the case names, and has it back. */
export async function kill(
  fleet: WebFleet,
  { victim, back }: KillCase,
  node: string,
  random: () => number,
): Promise<void> {
  const { cluster } = fleet;
  const downForMs = Math.round(random() * 1_500);
  const takesNode = victim !== "manager";
  const takesServer = victim !== "node";
  await Promise.all([
    takesServer ? cluster.end("server", "SIGKILL") : undefined,
    takesNode ? cluster.powerOff(node) : undefined,
  ]);
  if (takesServer) {
    await sleep(downForMs);
    cluster.startServer();
  }
  if (!takesNode) return;
  if (back === "after-fencing") {
    await cluster.nodeBecomes(node, ({ leased, state }) => !leased && state !== "fence", 30_000);
  }
  cluster.startAgent(node);
}
