/** The running agent: the core's machine with its lease keeper, its instructions, its workloads and its guard. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { AgentEffect } from "../core/agent/effect.ts";
import { type AgentState, createAgentState } from "../core/agent/state.ts";
import type { NodeId } from "../core/ids.ts";
import type { LeavingKind } from "../core/model/node.ts";
import { ok, type Result } from "../core/result.ts";
import type { WorkloadDriver, WorkloadInstance, WorkloadListener } from "../ports/workload.ts";
import { adoptAll } from "./adoption.ts";
import { createDeparture } from "./departure/departure.ts";
import { createEndings } from "./departure/endings.ts";
import type { DataDirectory } from "./disk/data-directory.ts";
import { createServiceFiles } from "./disk/records.ts";
import { createEffects } from "./effects.ts";
import type { GuardClient } from "./guard/client.ts";
import { createInbox } from "./inbox.ts";
import { createLeaseKeeper, type LeaseKeeper } from "./lease-keeper.ts";
import { createInstructionStream, type InstructionStream } from "./link/instruction-stream.ts";
import { createManagerCalls } from "./link/manager-calls.ts";
import type { Servers } from "./link/servers.ts";
import { createUsageReports, type UsageReports } from "./link/usage-reports.ts";
import { createMachine, type Machine } from "./machine.ts";
import type { AgentOptions, CloseMode, LeaveOutcome } from "./options.ts";
import { createOrders } from "./orders.ts";
import type { Upgrader } from "./upgrade/upgrader.ts";
import { createWorkloads } from "./workloads.ts";

export interface RuntimeOptions extends AgentOptions {
  readonly node: NodeId;
  readonly directory: DataDirectory;
  readonly guard: GuardClient;
  /** It begins to end; the data directory is still its own. */
  readonly onEnding: () => void;
  /** The servers said where they all are. */
  readonly onServers: (urls: readonly string[]) => void;
  readonly upgrader: Upgrader;
}
type AllOptions = Omit<RuntimeOptions, "servers"> & { readonly servers: Servers };

export interface Runtime {
  /** Adopts what runs, then begins to work. */
  begin(): Promise<Result<void, string>>;
  onFired(epoch: number): void;
  onUnguarded(why: string): void;
  /** Ends by itself, stopping everything. */
  fail(why: string): Promise<void>;
  close(mode: CloseMode): Promise<void>;
  leave(kind: LeavingKind): Promise<LeaveOutcome>;
  /**
   * Leaves as for a restart once the manager has frozen every service, and stays when that takes too long: its services
   * outlive a successor that is no good only when nothing watches them. Resolves with whether it ends now.
   */
  handOver(): Promise<boolean>;
  readonly closed: Promise<string | undefined>;
}

/** How long a lease on disk may be tried when no guard says what its deadline is. */
const resumeMsMax = 3_000;

export function createRuntime(options: AllOptions): Runtime {
  const { clock, directory, guard, log, servers, watchdogs } = options;
  const files = createServiceFiles(join(directory.path, "instances"));
  const ended = Promise.withResolvers<string | undefined>();
  let keeper: LeaseKeeper | undefined;
  let stream: InstructionStream | undefined;
  let usages: UsageReports | undefined;
  let closing: Promise<LeaveOutcome> | undefined;

  const state = newState(options);
  const machine = createMachine(state, clock, (effect: AgentEffect) => perform(effect));
  const listener = listenerFor(machine, (instance) => workloads.onExit(instance));
  const drivers = new Map<string, WorkloadDriver>(
    options.drivers(listener).map((driver) => [driver.type, driver]),
  );
  const workloads = createWorkloads({
    drivers,
    guard,
    files,
    clock,
    agentId: directory.agentId,
    bootId: directory.bootId,
    node: options.node,
    lifelinePath: directory.lifelinePath,
    configOf: (service) => inbox.configOf(service),
    runUntilOf: (epoch) => (state.lease?.epoch === epoch ? state.lease.runUntilMs : undefined),
    onEvent: machine.dispatch,
  });
  const { instances } = workloads;
  const orders = createOrders({ servers, clock, log, drivers, instances });
  const { onServers, upgrader } = options;
  const onUpgrade = upgrader.take;
  const inbox = createInbox(machine.dispatch, { onOrder: orders.take, onServers, onUpgrade });
  const epochOf = () => state.lease?.epoch;
  const { dispatch } = machine;
  const departure = createDeparture({ state, dispatch, servers, clock, log });
  const endings = createEndings({
    ...options,
    machine,
    workloads,
    departure,
    keeper: () => keeper,
  });
  const perform = createEffects({
    calls: createManagerCalls({ servers, log, epochOf, leavingKind: departure.kind, dispatch }),
    log,
    workloads,
    files,
    bootId: directory.bootId,
    epochOf,
    dispatch,
    onRequestLease() {
      for (const watchdog of watchdogs) void watchdog.disarm();
      keeper?.allowNew();
    },
    onLeft: departure.onLeft,
  });

  async function trackAdopted(): Promise<boolean> {
    for (const instanceId of workloads.trackedIds()) {
      if (!(await workloads.track(instanceId))) return false;
    }
    return true;
  }

  function keepLease(resume: ReturnType<typeof resumeOf>): LeaseKeeper {
    return createLeaseKeeper({
      servers,
      clock,
      log,
      guard,
      watchdogs,
      // Of this start of this machine: a copy of the disk, or a rebooted machine, holds no lease of it.
      incarnation: `${directory.agentId}.${directory.bootId}`,
      resume,
      saveLease: directory.saveLease,
      dropLease: directory.dropLease,
      events: {
        onLease(kind, facts) {
          if (kind === "granted") log.write("info", `lease of epoch ${facts.epoch} was granted`);
          machine.dispatch({ kind: `lease-${kind}`, ...facts });
          upgrader.onLease();
        },
        onLost: (epoch, why) => machine.dispatch({ kind: "lease-lost", epoch, why }),
        onResumed: trackAdopted,
      },
    });
  }

  async function begin(): Promise<Result<void, string>> {
    const resume = resumeOf(options);
    const adopted = await adoptAll({
      files,
      drivers,
      workloads,
      clock,
      agentId: directory.agentId,
      bootId: directory.bootId,
      resumedEpoch: resume?.guarded === true ? resume.lease.epoch : undefined,
      log,
      onEvent: machine.dispatch,
    });
    if (!adopted.ok) return adopted;
    keeper = keepLease(resume);
    if (state.leaseRequested) keeper.allowNew();
    else machine.dispatch({ kind: "tick" });
    stream = createInstructionStream({ servers, clock, log, onMessage: inbox.take });
    const everyMs = options.measureEveryMs;
    usages = createUsageReports({ servers, clock, log, drivers, instances, epochOf, everyMs });
    return ok(undefined);
  }

  async function shutDown(
    way: CloseMode | LeavingKind | "let-go",
    why: string | undefined,
  ): Promise<LeaveOutcome> {
    options.onEnding();
    const noCommands = orders.close();
    const noUpgrade = upgrader.stop();
    const outcome = await endings.end(way);
    await Promise.all([noCommands, noUpgrade]);
    await usages?.stop();
    await stream?.stop();
    guard.close();
    servers.close();
    await directory.unlock();
    ended.resolve(why);
    return outcome;
  }

  function leave(way: CloseMode | LeavingKind): Promise<LeaveOutcome> {
    closing ??= shutDown(way, undefined);
    return closing;
  }

  async function handOver(): Promise<boolean> {
    if (closing !== undefined) return false;
    const isLetGo = await endings.letGo();
    if (closing !== undefined) return false; // it was told to end meanwhile, in another way
    if (isLetGo) closing = shutDown("let-go", undefined);
    return isLetGo;
  }

  function onFired(epoch: number): void {
    const why = "the guard has killed its workloads";
    keeper?.giveUp(epoch, why);
    if (state.lease !== undefined && state.lease.epoch <= epoch) {
      machine.dispatch({ kind: "lease-lost", epoch: state.lease.epoch, why });
    }
  }

  function onUnguarded(why: string): void {
    log.write("error", `no guard: ${why}; everything is killed`);
    keeper?.giveUp(Number.MAX_SAFE_INTEGER, `there is no guard: ${why}`);
  }

  async function fail(why: string): Promise<void> {
    log.write("error", why);
    closing ??= shutDown("stop-all", why);
    await closing;
  }

  const close = async (mode: CloseMode): Promise<void> => void (await leave(mode));
  return { begin, onFired, onUnguarded, fail, close, leave, handOver, closed: ended.promise };
}

function newState({ node, operationCountMax }: AllOptions): AgentState {
  const instancePrefix = randomBytes(4).toString("hex");
  const more = operationCountMax === undefined ? {} : { operationCountMax };
  return createAgentState({ node, instancePrefix, ...more });
}

interface Resume {
  readonly lease: NonNullable<DataDirectory["lease"]>;
  readonly untilMs: number;
  /** The guard knows the deadline of what runs; without one nobody does, and what runs is killed (S3). */
  readonly guarded: boolean;
}

/** The lease on disk, and until when it may be taken up: not at all once the guard has killed its epoch. */
function resumeOf(options: AllOptions): Resume | undefined {
  const { lease } = options.directory;
  if (lease === undefined) return undefined;
  const { status, origin } = options.guard.found;
  if (status.firedEpoch >= lease.epoch) return { lease, untilMs: 0, guarded: false };
  const isKnown = origin === "found" && status.epoch === lease.epoch;
  const guardedMs = isKnown ? status.runUntilMs : undefined;
  if (guardedMs !== undefined) return { lease, untilMs: guardedMs, guarded: true };
  return { lease, untilMs: options.clock.monotonicMs() + resumeMsMax, guarded: false };
}

/** What drivers say, as events. An exit is told once the guard and the disk have forgotten the instance. */
function listenerFor(
  machine: Machine,
  onExit: (instance: WorkloadInstance) => Promise<void>,
): WorkloadListener {
  return {
    onExit(instance, exit) {
      const how = exit.signal === undefined ? `exit code ${exit.code ?? "unknown"}` : exit.signal;
      const { service, instanceId } = instance;
      const detail = `it ended by itself (${how})`;
      void onExit(instance).then(() => {
        machine.dispatch({ kind: "exited", service, instanceId, detail });
      });
    },
    onHealth({ service, instanceId }, health, detail) {
      machine.dispatch({ kind: "health-changed", service, instanceId, health, detail });
    },
  };
}
