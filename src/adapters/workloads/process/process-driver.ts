/**
 * The driver of `process:...` services: runs a command on this node, keeps its output, checks its health, and
 * ends all that it ever started. Workloads outlive the agent and are adopted by the next one.
 */
import type { ServiceId } from "../../../core/ids.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Log } from "../../../ports/log.ts";
import type {
  WorkloadDriver,
  WorkloadInstance,
  WorkloadListener,
} from "../../../ports/workload.ts";
import { type ProcessConfig, processConfigSchema } from "../../../wire/process-config.ts";
import { adoptInstance, reconfigureInstance } from "./adopt.ts";
import { parseConfiguration } from "./configuration.ts";
import type { ContainmentKind } from "./containment/containment.ts";
import { readBootId } from "./containment/process-table.ts";
import type { DriverContext } from "./driver-context.ts";
import { createEndWatch } from "./end/end-watch.ts";
import { killNow, stopInstance } from "./end/stop.ts";
import { execBeside } from "./exec/exec-beside.ts";
import { endHealth } from "./health/instance-health.ts";
import { cutLifeline, tieLifeline } from "./lifeline.ts";
import { createLogFiles } from "./logs/log-files.ts";
import { readLog } from "./logs/read-log.ts";
import { driverPaths } from "./paths.ts";
import { prepareInstance } from "./start/prepare.ts";
import { releaseInstance } from "./start/release.ts";
import { findSystemTools, type SystemTools } from "./start/system-tools.ts";
import { readUses } from "./use.ts";
import { failure } from "./workload-error.ts";

export interface ProcessDriverOptions {
  /** Absolute; logs, working directories and exit statuses are kept below it. */
  readonly dataDirectory: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: WorkloadListener;
  /** How a workload's processes are kept together; default `auto`: namespaces where they work. */
  readonly containment?: ContainmentKind | "auto";
}

export interface ProcessDriver extends WorkloadDriver {
  /** Ends timers, health checks and watches, and tells nothing any more; what was released goes on running. */
  close(): void;
}

/**
 * A driver for the services of type `process`. An end or "unhealthy" during `release` is its failure, after which
 * the instance is dead; the listener hears only of instances whose `release` or `adopt` succeeded, and of the first
 * "healthy" as soon as it is seen.
 */
export function createProcessDriver(options: ProcessDriverOptions): ProcessDriver {
  const closing = new AbortController();
  const context = createContext(options, closing.signal);
  const preparing = new Set<ServiceId>();
  const liveOf = (instance: WorkloadInstance) => context.live.get(instance.instanceId);
  return {
    type: "process",
    prepare: async (request) => {
      if (preparing.has(request.service)) {
        return failure("failed", `"${request.service}" is being prepared already`);
      }
      preparing.add(request.service);
      try {
        return await prepareInstance(context, request);
      } finally {
        preparing.delete(request.service);
      }
    },
    release: async (instance, configuration) => {
      const live = liveOf(instance);
      if (live === undefined) return failure("failed", notAtGate(instance));
      const parsed = parseConfiguration(configuration);
      if (parsed.ok) return releaseInstance(context, live, parsed.value);
      await killNow(context, instance);
      return parsed;
    },
    stop: (instance, configuration, { timeoutMs }) =>
      stopInstance(context, instance, usableConfiguration(configuration), timeoutMs),
    kill: (instance) => killNow(context, instance),
    adopt: (instance, configuration) =>
      adoptInstance(context, instance, usableConfiguration(configuration)),
    reconfigure: (instance, configuration) => {
      const live = liveOf(instance);
      if (live !== undefined) {
        reconfigureInstance(context, live, usableConfiguration(configuration));
      }
    },
    cutLifeline: (instance) => cutLifeline(context, instance),
    tieLifeline: (instance) => tieLifeline(context, instance),
    readUses,
    exec: (instance, request) => execBeside(context, instance, request),
    readLog: (service, request) => readLog(context.logs, context.clock, service, request),
    close: () => {
      closing.abort();
      context.logs.close();
      context.endWatch.close();
      for (const live of context.live.values()) {
        void endHealth(options.clock, live);
        if (live.phase === "prepared") live.gate?.destroy();
      }
    },
  };
}

function createContext(options: ProcessDriverOptions, closed: AbortSignal): DriverContext {
  const { clock, log, listener } = options;
  const paths = driverPaths(options.dataDirectory);
  let tools: Promise<SystemTools | { readonly fault: string }> | undefined;
  return {
    clock,
    log,
    listener,
    paths,
    logs: createLogFiles({ paths, clock, log }),
    endWatch: createEndWatch(clock),
    bootId: readBootId(),
    live: new Map(),
    tools: () => {
      tools ??= findSystemTools(options.containment ?? "auto", log);
      return tools;
    },
    closed,
  };
}

/** What runs must be watched and stopped even if its configuration has become unreadable: by the defaults then. */
function usableConfiguration(value: unknown): ProcessConfig {
  const parsed = parseConfiguration(value);
  return parsed.ok ? parsed.value : processConfigSchema.parse({ command: "unreadable" });
}

function notAtGate(instance: WorkloadInstance): string {
  return `"${instance.service}" has no prepared instance "${instance.instanceId}": it ended before its release, or was prepared by an earlier agent process`;
}
