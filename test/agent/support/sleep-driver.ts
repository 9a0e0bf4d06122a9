/** A small driver for tests that runs real processes: a shell waits at a gate, then becomes the command. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  findMarked,
  isAlive,
  killExactly,
  startTicksOf,
} from "../../../src/agent/guard/process-table.ts";
import type {
  WorkloadDriver,
  WorkloadInstance,
  WorkloadListener,
} from "../../../src/ports/workload.ts";
import { processConfigSchema } from "../../../src/wire/process-config.ts";
import { until } from "./tools.ts";

export interface SleepDriver extends WorkloadDriver {
  /** Every instance whose gate was opened, in order. */
  readonly released: string[];
  /** Waited for before each preparation. */
  beforePrepare: () => Promise<void>;
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
    beforePrepare: async () => undefined,
    cutLifeline: () => undefined,
    async prepare({ service, instanceId, configuration, marker }) {
      await driver.beforePrepare();
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
    reconfigure: () => undefined,
    async *readLog(service) {
      yield `output of ${service}\n`;
    },
  };
  return driver;
}
