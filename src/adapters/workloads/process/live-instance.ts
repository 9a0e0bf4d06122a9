/** One instance in the driver's memory: what phase it is in, and what must be ended with it. */
import type { Duplex } from "node:stream";
import type { ProcessIdentity, WorkloadExit, WorkloadInstance } from "../../../ports/workload.ts";
import type { ProcessConfig } from "../../../wire/process-config.ts";
import type { HealthMonitor } from "./health/health-monitor.ts";

/**
 * `prepared`: at the gate. `starting`: released, not settled. `running`: its end is told to the listener.
 * `stopping`: asked to end, nothing is told any more. `ended`: all of it is dead.
 */
export type Phase = "prepared" | "starting" | "running" | "stopping" | "ended";

export interface LiveInstance {
  readonly instance: WorkloadInstance;
  configuration: ProcessConfig;
  phase: Phase;
  /** Only of an instance that this process prepared. */
  readonly gate: Duplex | undefined;
  /** Where its output begins in the log, in bytes. */
  readonly outputOffset: number;
  /** Settles when all of it is dead. */
  ended: Promise<WorkloadExit>;
  monitor: HealthMonitor | undefined;
  /** The stop signal is sent once: some programs take a second one for an order to hurry. */
  stopSignalSent: boolean;
}

/** The workload's own process, which the stop signal goes to. */
export function mainProcessOf(instance: WorkloadInstance): ProcessIdentity {
  return {
    pid: Number(instance.driverState["mainPid"]),
    startTicks: Number(instance.driverState["mainStartTicks"]),
  };
}

/** Whether its lifeline can be let loose and tied again; those of older versions can only be cut for good. */
export function canBeLoose(instance: WorkloadInstance): boolean {
  return instance.driverState["lifelineCanBeLoose"] === true;
}

/** The process that ends the workload when agent and guard are dead; undefined: there never was one. */
export function lifelineOf(instance: WorkloadInstance): ProcessIdentity | undefined {
  const { lifelinePid, lifelineStartTicks } = instance.driverState;
  if (typeof lifelinePid !== "number" || typeof lifelineStartTicks !== "number") return undefined;
  return { pid: lifelinePid, startTicks: lifelineStartTicks };
}

/** The caller's marker variables, kept for health checks that are run by a later agent process. */
export function markerOf(instance: WorkloadInstance): Readonly<Record<string, string>> {
  const prefix = "marker.";
  return Object.fromEntries(
    Object.entries(instance.driverState)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), String(value)]),
  );
}

/** What `markerOf`, `mainProcessOf` and `lifelineOf` read back. */
export function driverStateOf(
  {
    main,
    lifeline,
  }: { readonly main: ProcessIdentity; readonly lifeline: ProcessIdentity | undefined },
  bootId: string,
  marker: Readonly<Record<string, string>>,
): WorkloadInstance["driverState"] {
  const markers = Object.entries(marker).map(([name, value]) => [`marker.${name}`, value] as const);
  return {
    bootId,
    mainPid: main.pid,
    mainStartTicks: main.startTicks,
    lifelinePid: lifeline?.pid ?? null,
    lifelineStartTicks: lifeline?.startTicks ?? null,
    lifelineCanBeLoose: lifeline !== undefined,
    ...Object.fromEntries(markers),
  };
}
