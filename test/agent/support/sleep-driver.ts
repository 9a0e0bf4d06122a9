/** A small driver for tests that runs real processes: a shell waits at a gate, then becomes the command. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  findMarked,
  isAlive,
  killExactly,
  startTicksOf,
} from "../../../src/agent/guard/process-table.ts";
import type {
  MoveRequest,
  WorkloadDriver,
  WorkloadInstance,
  WorkloadListener,
  WorkloadUse,
} from "../../../src/ports/workload.ts";
import { processConfigSchema } from "../../../src/wire/process-config.ts";
import { until } from "./tools.ts";

export interface SleepDriver extends WorkloadDriver {
  /** Every instance whose gate was opened, in order. */
  readonly released: string[];
  /** Every move that was asked for. */
  readonly moves: MoveRequest[];
  /** What it says that each service uses. */
  use: WorkloadUse | undefined;
  /** How often it was asked for that. */
  readings: number;
  /** Services that were prepared as recovered ones. */
  readonly recovered: string[];
  /** Waited for before each preparation. */
  beforePrepare: () => Promise<void>;
}

/** One that can move services away, or says why not. */
export function createMovingDriver(
  listener: WorkloadListener,
  refusal?: { readonly remains: "running" | "nothing"; readonly wrongNode: boolean },
): SleepDriver {
  const driver = createSleepDriver(listener);
  return Object.assign(driver, {
    move: async (...[instance, request]: Parameters<NonNullable<WorkloadDriver["move"]>>) => {
      driver.moves.push(request);
      const isLeft = refusal?.remains === "running";
      if (instance !== undefined && !isLeft) await driver.kill(instance);
      if (refusal === undefined) return { ok: true, value: undefined } as const;
      const error = { kind: "failed", message: "the other node has no room", ...refusal } as const;
      return { ok: false, error } as const;
    },
  });
}

export function createSleepDriver(listener: WorkloadListener): SleepDriver {
  const children = new Map<string, ChildProcess>();
  const stopping = new Set<string>();
  const released: string[] = [];

  async function killAll(instance: WorkloadInstance): Promise<void> {
    stopping.add(instance.instanceId);
    const agentId = String(instance.driverState["agentId"]);
    await until("everything is dead", () => {
      killExactly(instance.root);
      const rest = findMarked(agentId, (id) => id === instance.instanceId);
      for (const found of rest) killExactly(found);
      return rest.length === 0 && !isAlive(instance.root);
    });
  }

  const driver: SleepDriver = {
    type: "process",
    released,
    moves: [],
    recovered: [],
    use: undefined,
    readings: 0,
    beforePrepare: async () => undefined,
    cutLifeline: () => undefined,
    tieLifeline: () => undefined,
    async prepare({ service, instanceId, configuration, marker, recovered }) {
      await driver.beforePrepare();
      if (recovered) driver.recovered.push(service);
      const config = processConfigSchema.parse(configuration);
      const argumentList = [
        "-c",
        'read go && exec "$@"',
        "sh",
        config.command,
        ...config.arguments,
      ];
      const child = spawn("/bin/sh", argumentList, {
        detached: true,
        stdio: ["pipe", "ignore", "ignore"],
        env: { PATH: process.env["PATH"] ?? "", ...config.environment, ...marker },
      });
      const { pid } = child;
      const startTicks = pid === undefined ? undefined : startTicksOf(pid);
      if (pid === undefined || startTicks === undefined) {
        return { ok: false, error: { kind: "failed", message: "sh did not start" } };
      }
      children.set(instanceId, child);
      const instance: WorkloadInstance = {
        service,
        type: "process",
        instanceId,
        root: { pid, startTicks },
        containment: "tracked",
        driverState: { agentId: marker["HOLDFAST_AGENT_ID"] ?? "" },
      };
      child.on("exit", (code, signal) => {
        children.delete(instanceId);
        if (stopping.has(instanceId)) return;
        listener.onExit(instance, { code: code ?? undefined, signal: signal ?? undefined });
      });
      return { ok: true, value: instance };
    },
    async release(instance) {
      const child = children.get(instance.instanceId);
      released.push(instance.instanceId);
      child?.stdin?.end("go\n");
      child?.unref();
      await new Promise((resolve) => setTimeout(resolve, 50)); // the time that it has to stay up
      if (child?.exitCode === null && isAlive(instance.root)) return { ok: true, value: undefined };
      return { ok: false, error: { kind: "failed", message: `it ended with ${child?.exitCode}` } };
    },
    async stop(instance, _configuration, { timeoutMs }) {
      stopping.add(instance.instanceId);
      if (isAlive(instance.root)) process.kill(instance.root.pid, "SIGTERM");
      const endMs = Date.now() + (timeoutMs ?? 5_000);
      await until("it ends", () => !isAlive(instance.root) || Date.now() >= endMs);
      await killAll(instance);
      return { ok: true, value: undefined };
    },
    async kill(instance) {
      await killAll(instance);
      return { ok: true, value: undefined };
    },
    async adopt(instance) {
      return isAlive(instance.root) ? "running" : "gone";
    },
    async readUses(instances) {
      const { use } = driver;
      driver.readings += 1;
      if (use === undefined) return new Map();
      return new Map(instances.map(({ instanceId }) => [instanceId, use]));
    },
    reconfigure: () => undefined,
    async *readLog(service) {
      yield `output of ${service}\n`;
    },
  };
  return driver;
}
