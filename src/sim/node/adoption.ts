/** What an agent that starts finds of the one before it: copies that still run, and failures to report again. */
import type { AgentEvent } from "../../core/agent/event.ts";
import type { AgentInstruction, AgentState } from "../../core/agent/state.ts";
import type { Epoch, NodeId } from "../../core/ids.ts";
import type { Process } from "../engine/process.ts";
import type { Driver } from "../workloads/driver.ts";
import type { AgentDisk, HeldLease } from "./disk.ts";
import type { Guard } from "./guard.ts";
import { watchAdopted } from "./watch-health.ts";

/** How long a lease on disk may be tried when no guard says what its deadline is. */
const resumeMsMax = 3_000;

export interface Resume {
  readonly lease: HeldLease;
  readonly untilMs: number;
  /** The guard knows the deadline of what runs; without one what runs is killed (S3). */
  readonly guarded: boolean;
}

/** The lease on disk, and until when it may be taken up: not at all once the guard has killed its epoch. */
export function resumeOf(found: {
  readonly guard: Guard;
  readonly disk: AgentDisk;
  readonly nowMs: number;
}): Resume | undefined {
  const { lease } = found.disk;
  if (lease === undefined) return undefined;
  if (found.guard.hasFired(lease.epoch)) return { lease, untilMs: 0, guarded: false };
  const untilMs = found.guard.deadlineOf(lease.epoch);
  if (untilMs !== undefined) return { lease, untilMs, guarded: true };
  return { lease, untilMs: found.nowMs + resumeMsMax, guarded: false };
}

export interface AdoptionOptions {
  readonly node: NodeId;
  readonly driver: Driver;
  readonly guard: Guard;
  readonly disk: AgentDisk;
  /** The epoch that may be taken up again; what was tracked under another one is killed. */
  readonly resumedEpoch: Epoch | undefined;
  readonly onEvent: (event: AgentEvent) => void;
  readonly process: Process;
}

/** Adopts what runs, kills what must not run any more, and recalls failures of the epoch that goes on. */
export function adoptAll(options: AdoptionOptions): void {
  const { node, driver, guard, disk, resumedEpoch, onEvent } = options;
  const { copies } = driver.options;
  for (const copy of copies.on(node)) {
    const { service, instanceId, tracked, startedUnder, state } = copy;
    if (startedUnder === undefined || state === "parked") continue;
    if (tracked && startedUnder.epoch !== resumedEpoch) {
      guard.untrack(instanceId);
      driver.kill(instanceId, "it is of an older epoch");
      continue;
    }
    const restartKey = copy.restartKey ?? "";
    onEvent({
      kind: "adopted",
      service,
      instanceId,
      restartKey,
      configurationKey: restartKey,
      tracked,
      health: restartKey === "" ? undefined : "starting",
    });
    watchAdopted(options, copy);
  }
  for (const [service, { uid, epoch, detail }] of disk.failures) {
    if (epoch === resumedEpoch) onEvent({ kind: "recalled-failure", service, uid, detail });
    else disk.failures.delete(service);
  }
}

/** What a person started by hand and now has to be looked after: the driver finds it, and the agent takes it over. */
export function* handMade(
  { node, driver, slots }: Pick<AdoptionOptions, "node" | "driver"> & Pick<AgentState, "slots">,
  instructions: readonly AgentInstruction[],
): Iterable<AgentEvent> {
  const { copies } = driver.options;
  for (const instruction of instructions) {
    const { service, node: where, state, suspended, uid, nodeEpoch } = instruction;
    if (where !== node || state === "ignored" || suspended === true) continue;
    const phase = slots.get(service)?.phase.kind ?? "down";
    if (phase !== "down" && phase !== "failed") continue;
    const copy = copies
      .of(service)
      .find((one) => one.node === node && one.startedUnder === undefined);
    if (copy?.state !== "running") continue;
    copies.put({ ...copy, startedUnder: { uid, epoch: nodeEpoch } }); // from now on it is on the agent's disk
    const keys = { restartKey: "", configurationKey: "" };
    yield { kind: "adopted", service, instanceId: copy.instanceId, ...keys, tracked: false };
  }
}
