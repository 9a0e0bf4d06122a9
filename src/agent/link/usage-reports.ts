/**
 * Measures what the services of this node use, and tells the servers what has changed noticeably. Nothing depends on
 * it but the quality of placement: it is cheap, bounded, and says nothing rather than something wrong.
 */
import type { Epoch, ServiceId } from "../../core/ids.ts";
import type { Capacity } from "../../core/model/capacity.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { WorkloadDriver, WorkloadInstance, WorkloadUse } from "../../ports/workload.ts";
import { agentPaths, usagesMax } from "../../wire/agent-protocol.ts";
import { createPause } from "../pause.ts";
import { anyAnswerSchema, type Servers } from "./servers.ts";

export interface UsageReportsOptions {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
  readonly drivers: ReadonlyMap<string, WorkloadDriver>;
  /** What runs here. */
  readonly instances: () => readonly WorkloadInstance[];
  readonly epochOf: () => Epoch | undefined;
  /** Default: 10,000. */
  readonly everyMs: number | undefined;
}

export interface UsageReports {
  stop(): Promise<void>;
}

/** Time constant of the moving average of processor use. */
const averageMs = 10_000;
/** A change is told when it is larger than this share of what was told last, and than these amounts. */
const noticeableShare = 0.1;
const noticeableCores = 0.05;
const noticeableBytes = 8 * 1_048_576;
const callTimeoutMs = 2_000;

interface Measured {
  readonly instanceId: string;
  readonly atMs: number;
  readonly cpuMs: number;
  /** Undefined after one reading: use is the difference of two. */
  readonly cpuCores: number | undefined;
  readonly memoryBytes: number;
}

/** Begins at once, and goes on until `stop`. */
export function createUsageReports(options: UsageReportsOptions): UsageReports {
  const { clock, servers, log } = options;
  const pause = createPause(clock);
  const told = new Map<ServiceId, Capacity>();
  let measured = new Map<ServiceId, Measured>();
  let stopped = false;
  let refusal = "";

  async function measure(): Promise<void> {
    const next = new Map<ServiceId, Measured>();
    const instances = options.instances();
    for (const driver of options.drivers.values()) {
      if (driver.readUses === undefined) continue;
      const own = instances.filter(({ type }) => type === driver.type);
      if (own.length === 0) continue;
      const uses = await driver.readUses(own);
      for (const { service, instanceId } of own) {
        const use = uses.get(instanceId);
        if (use === undefined) continue;
        next.set(service, follow(measured.get(service), instanceId, use, clock.monotonicMs()));
      }
    }
    measured = next;
    for (const service of told.keys()) if (!next.has(service)) told.delete(service);
  }

  async function tell(): Promise<void> {
    const epoch = options.epochOf();
    if (epoch === undefined) return;
    const usages = [...measured].flatMap(([service, { cpuCores, memoryBytes }]) => {
      if (cpuCores === undefined) return [];
      const use = { cpuCores, memoryBytes };
      return isNoticeable(told.get(service), use) ? [{ service, ...use }] : [];
    });
    for (let start = 0; start < usages.length && !stopped; start += usagesMax) {
      const part = usages.slice(start, start + usagesMax);
      const body = { epoch, usages: part };
      const limits = { timeoutMs: callTimeoutMs };
      const answer = await servers.call(agentPaths.usage, body, anyAnswerSchema, limits);
      if (answer.kind !== "ok") {
        if (answer.detail !== refusal) log.write("info", `use was not taken: ${answer.detail}`);
        refusal = answer.detail; // tried again in the next round: said once
        return;
      }
      for (const { service, cpuCores, memoryBytes } of part) {
        told.set(service, { cpuCores, memoryBytes });
      }
    }
  }

  async function run(): Promise<void> {
    while (!stopped) {
      await measure();
      if (!stopped) await tell();
      if (!stopped) await pause.wait(options.everyMs ?? averageMs);
    }
  }

  const running = run();
  return {
    async stop() {
      stopped = true;
      pause.end();
      await running;
    },
  };
}

/** The reading after `before`; of another instance it begins anew. */
function follow(
  before: Measured | undefined,
  instanceId: string,
  use: WorkloadUse,
  atMs: number,
): Measured {
  const { cpuMs, memoryBytes } = use;
  const first = { instanceId, atMs, cpuMs, cpuCores: undefined, memoryBytes };
  if (before?.instanceId !== instanceId || atMs <= before.atMs) return first;
  const spanMs = atMs - before.atMs;
  // What has ended takes its time along where nobody collects it: the sum may shrink.
  const now = Math.max(cpuMs - before.cpuMs, 0) / spanMs;
  const keep = Math.exp(-spanMs / averageMs);
  const cpuCores = before.cpuCores === undefined ? now : before.cpuCores * keep + now * (1 - keep);
  return { ...first, cpuCores: Math.round(cpuCores * 1_000) / 1_000 };
}

function isNoticeable(before: Capacity | undefined, now: Capacity): boolean {
  if (before === undefined) return true;
  return (
    differs(before.cpuCores, now.cpuCores, noticeableCores) ||
    differs(before.memoryBytes, now.memoryBytes, noticeableBytes)
  );
}

function differs(before: number, now: number, least: number): boolean {
  return Math.abs(now - before) > Math.max(before * noticeableShare, least);
}
