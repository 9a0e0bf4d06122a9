/**
 * Carries out starts and stops. The order of a start is what S3 rests on: prepared behind a gate, on disk, under
 * the guard, looked at the clock once more, and only then let run.
 */
import type { AgentEffect } from "../core/agent/effect.ts";
import type { AgentEvent } from "../core/agent/event.ts";
import { type Epoch, type ServiceId, serviceTypeOf } from "../core/ids.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Guard } from "../ports/guard.ts";
import type { MoveError, WorkloadDriver, WorkloadInstance } from "../ports/workload.ts";
import type { StoredServiceConfig } from "../wire/service-config.ts";
import { driverPartOf } from "./assignments.ts";
import type { ServiceFiles } from "./disk/records.ts";

export interface WorkloadsOptions {
  readonly drivers: ReadonlyMap<string, WorkloadDriver>;
  readonly guard: Guard;
  readonly files: ServiceFiles;
  readonly clock: Clock;
  readonly agentId: string;
  readonly bootId: string;
  readonly node: string;
  /** See `PrepareRequest`. */
  readonly lifelinePath: string;
  /** The configuration of the service's present instruction. */
  readonly configOf: (service: ServiceId) => StoredServiceConfig | undefined;
  /** Until when something of the epoch may run; undefined: not at all. */
  readonly runUntilOf: (epoch: Epoch) => number | undefined;
  readonly onEvent: (event: AgentEvent) => void;
}

type StartEffect = Extract<AgentEffect, { kind: "start" }>;
type MoveEffect = Extract<AgentEffect, { kind: "move" }>;
type StopEffect = Extract<AgentEffect, { kind: "stop" | "abort-start" }>;

interface Copy {
  readonly service: ServiceId;
  /** What it was started with. */
  config: StoredServiceConfig;
  /** Undefined while it is being prepared. */
  instance: WorkloadInstance | undefined;
  readonly start: { readonly uid: StartEffect["uid"]; readonly epoch: Epoch };
  tracked: boolean;
  aborted: boolean;
}

export interface Workloads {
  start(effect: StartEffect): Promise<void>;
  /** Answers with an event, save for a copy whose start goes on: there the start answers. */
  stop(effect: StopEffect): Promise<void>;
  /** Answers with an event. */
  move(effect: MoveEffect): Promise<void>;
  reconfigure(service: ServiceId, instanceId: string): void;
  /** Puts a running copy under the guard; false: the guard refused. */
  track(instanceId: string): Promise<boolean>;
  /** From now on it outlives agent and guard. */
  untrack(instanceId: string): void;
  /** Waits until every `untrack` is done. False: one is not on record, and the next agent would not know of it. */
  settled(): Promise<boolean>;
  /** Knows a copy that was adopted. */
  addAdopted(copy: Omit<Copy, "aborted"> & { readonly instance: WorkloadInstance }): void;
  /** The driver says that it has ended. */
  onExit(instance: WorkloadInstance): Promise<void>;
  /** Instances of adopted or running copies that the guard has to know. */
  trackedIds(): readonly string[];
  /** All that runs, or is about to. */
  instances(): readonly WorkloadInstance[];
}

export function createWorkloads(options: WorkloadsOptions): Workloads {
  const { files, guard } = options;
  const copies = new Map<string, Copy>();

  /** The instance runs after this, or the reason why not; what may be left of it is in `copies`. */
  async function bringUp(effect: StartEffect, copy: Copy): Promise<Result<void, string>> {
    const driver = options.drivers.get(serviceTypeOf(effect.service));
    if (driver === undefined) return err(`this agent has no driver for ${effect.service}`);
    const configuration = driverPartOf(copy.config);
    const { service, instanceId, epoch } = effect;
    const marker = {
      HOLDFAST_AGENT_ID: options.agentId,
      HOLDFAST_NODE: options.node,
      HOLDFAST_INSTANCE: instanceId,
    };
    const lifelinePath = effect.tracked ? options.lifelinePath : undefined;
    const recovered = effect.clearLocks;
    const request = { service, instanceId, configuration, lifelinePath, marker, recovered };
    const prepared = await driver.prepare(request);
    if (!prepared.ok) return err(prepared.error.message);
    copy.instance = prepared.value;
    const saved = await save(copy, effect.tracked);
    if (!saved.ok) return saved;
    if (effect.tracked && (await guard.track(prepared.value)) === "refused") {
      return err("the guard lets nothing start: the lease was not renewed in time");
    }
    const untilMs = options.runUntilOf(epoch);
    if (untilMs === undefined || options.clock.monotonicMs() >= untilMs) {
      return err("the lease was over before it could start");
    }
    if (copy.aborted) return err("it was told to stop before it had started");
    const released = await driver.release(prepared.value, configuration);
    if (!released.ok) return err(released.error.message);
    return copy.aborted ? err("it was told to stop while it was starting") : ok(undefined);
  }

  function save(copy: Copy, tracked: boolean): Promise<Result<void, string>> {
    return files.save({
      version: 1,
      service: copy.service,
      bootId: options.bootId,
      uid: copy.start.uid,
      epoch: copy.start.epoch,
      instance: copy.instance,
      tracked,
      config: copy.config,
    });
  }

  /** Forgets a copy of which nothing is alive. */
  async function bury(instanceId: string): Promise<void> {
    const copy = copies.get(instanceId);
    if (copy === undefined) return;
    copies.delete(instanceId);
    if (copy.tracked) await guard.untrack(instanceId);
    await files.removeInstance(copy.service, instanceId);
  }

  function driverOf(copy: Copy): WorkloadDriver | undefined {
    return options.drivers.get(serviceTypeOf(copy.service));
  }

  /** The error says what may be alive. */
  async function killCopy(instanceId: string, copy: Copy): Promise<Result<void, string>> {
    const driver = driverOf(copy);
    if (copy.instance === undefined || driver === undefined) return ok(undefined);
    const killed = await driver.kill(copy.instance);
    return killed.ok ? ok(undefined) : err(`${instanceId} was not killed: ${killed.error.message}`);
  }

  async function startCopy(effect: StartEffect, config: StoredServiceConfig): Promise<void> {
    const { service, instanceId } = effect;
    const copy: Copy = {
      service,
      config,
      instance: undefined,
      start: { uid: effect.uid, epoch: effect.epoch },
      tracked: effect.tracked,
      aborted: false,
    };
    copies.set(instanceId, copy);
    const started = await bringUp(effect, copy);
    if (started.ok) {
      options.onEvent({ kind: "started", service, instanceId });
      return;
    }
    const killed = await killCopy(instanceId, copy);
    if (killed.ok) await bury(instanceId);
    options.onEvent({
      kind: "start-failed",
      service,
      instanceId,
      detail: killed.ok ? started.error : `${started.error}; ${killed.error}`,
      remains: killed.ok ? "nothing" : "unsure",
    });
  }

  async function end(
    copy: Copy & { readonly instance: WorkloadInstance },
    timeoutMs: number | undefined,
  ): Promise<Result<void, string>> {
    const driver = driverOf(copy);
    if (driver === undefined) return err(`this agent has no driver for ${copy.service}`);
    const stopped =
      timeoutMs === 0
        ? await driver.kill(copy.instance)
        : await driver.stop(copy.instance, driverPartOf(copy.config), { timeoutMs });
    return stopped.ok ? ok(undefined) : err(stopped.error.message);
  }

  async function stopCopy(effect: StopEffect): Promise<void> {
    const { service, instanceId } = effect;
    const copy = copies.get(instanceId);
    if (effect.kind === "abort-start") {
      if (copy === undefined) return;
      copy.aborted = true;
      if (copy.instance !== undefined) {
        await end({ ...copy, instance: copy.instance }, effect.timeoutMs); // the start says what came of it
      }
      return;
    }
    const ended =
      copy?.instance === undefined
        ? ok(undefined) // it was buried: nothing of it is alive
        : await end({ ...copy, instance: copy.instance }, effect.timeoutMs);
    if (ended.ok) await bury(instanceId);
    options.onEvent(
      ended.ok
        ? { kind: "stopped", service, instanceId }
        : { kind: "stop-failed", service, instanceId, detail: ended.error },
    );
  }

  async function moveCopy(effect: MoveEffect): Promise<void> {
    const { service, uid, instanceId } = effect;
    const moved = await moveAway(effect);
    const isGone = instanceId === undefined || !copies.has(instanceId); // it may have ended by itself meanwhile
    if (moved.ok || moved.error.remains === "nothing") {
      if (instanceId !== undefined) await bury(instanceId);
    }
    if (moved.ok) {
      options.onEvent({ kind: "moved", service, uid });
      return;
    }
    const { message, wrongNode, remains } = moved.error;
    options.onEvent({
      kind: "move-failed",
      service,
      uid,
      detail: message,
      result: wrongNode ? "wrong-node" : "failed",
      remains: isGone ? "nothing" : remains,
    });
  }

  async function moveAway(effect: MoveEffect): Promise<Result<void, MoveError>> {
    const { service, target, instanceId } = effect;
    const copy = instanceId === undefined ? undefined : copies.get(instanceId);
    const config = copy?.config ?? options.configOf(service);
    const driver = options.drivers.get(serviceTypeOf(service));
    if (driver?.move === undefined || config === undefined) {
      const why =
        config === undefined ? "its instruction was withdrawn" : "its driver moves nothing";
      const remains = copy === undefined ? "nothing" : "running";
      const message = `${service} is not moved to ${target}: ${why}`;
      return err({ kind: "failed", message, wrongNode: false, remains });
    }
    const how = effect.live ? "live" : "cold";
    const request = { service, target, how, configuration: driverPartOf(config) } as const;
    return driver.move(copy?.instance, request);
  }

  let areRecorded = true;
  const untracking = new Set<Promise<void>>();

  async function untrackCopy(instanceId: string, copy: Copy): Promise<void> {
    copy.tracked = false;
    const saved = await save(copy, false);
    if (!saved.ok) areRecorded = false;
    await guard.untrack(instanceId);
    if (copy.instance !== undefined) driverOf(copy)?.cutLifeline(copy.instance);
  }

  return {
    async start(effect) {
      const config = options.configOf(effect.service);
      if (config !== undefined) return startCopy(effect, config);
      const { service, instanceId } = effect;
      const detail = "its instruction was withdrawn";
      options.onEvent({ kind: "start-failed", service, instanceId, detail, remains: "nothing" });
      return undefined;
    },
    stop: stopCopy,
    move: moveCopy,
    reconfigure(service, instanceId) {
      const copy = copies.get(instanceId);
      const config = options.configOf(service);
      if (copy?.instance === undefined || config === undefined) return;
      copy.config = config;
      driverOf(copy)?.reconfigure(copy.instance, driverPartOf(config));
      void save(copy, copy.tracked); // only a restarted agent would see the old one, and is told anew
    },
    async track(instanceId) {
      const copy = copies.get(instanceId);
      if (copy?.instance === undefined) return true; // nothing of it is alive
      // The record of an adopted copy says so already: thousands of writes would take longer than the lease lasts.
      const isRecorded = copy.tracked;
      copy.tracked = true;
      if (!isRecorded) await save(copy, true); // where that fails, the guard knows it all the same
      if ((await guard.track(copy.instance)) === "refused") return false;
      driverOf(copy)?.tieLifeline(copy.instance);
      return true;
    },
    untrack(instanceId) {
      const copy = copies.get(instanceId);
      if (copy === undefined) return;
      const untracked = untrackCopy(instanceId, copy);
      untracking.add(untracked);
      void untracked.then(() => untracking.delete(untracked));
    },
    async settled() {
      await Promise.all(untracking);
      return areRecorded;
    },
    addAdopted(copy) {
      copies.set(copy.instance.instanceId, { ...copy, aborted: false });
    },
    onExit: (instance) => bury(instance.instanceId),
    trackedIds: () => [...copies].filter(([, copy]) => copy.tracked).map(([id]) => id),
    instances: () => [...copies.values()].flatMap(({ instance }) => instance ?? []),
  };
}
