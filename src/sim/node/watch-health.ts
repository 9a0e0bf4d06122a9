/** Health checks of what runs on a node: one that has versions is healthy when it has started, until its version says else. */
import type { AgentEvent } from "../../core/agent/event.ts";
import type { Process } from "../engine/process.ts";
import type { Driver } from "../workloads/driver.ts";
import type { Copy } from "./copies.ts";

export interface HealthOptions {
  readonly driver: Driver;
  /** The agent that checks: the next one checks anew. */
  readonly process: Process;
  readonly onEvent: (event: AgentEvent) => void;
}

/** As long as no check has passed, the next one follows after so long. */
const firstCheckMs = 200;

/** Tells the agent's core of the copy's health as it is, and as it becomes. */
export function watchHealth(options: HealthOptions, copy: Copy): void {
  const { driver, process, onEvent } = options;
  const { service, instanceId, restartKey = "", unhealthyAtMs } = copy;
  if (restartKey === "") return;
  const { engine, copies } = driver.options;
  const { schedule } = engine;
  const about = { kind: "health-changed", service, instanceId } as const;
  onEvent({ ...about, health: "healthy", detail: "" });
  if (unhealthyAtMs === undefined) return;
  schedule.at(Math.max(schedule.nowMs, unhealthyAtMs), () =>
    process.enter(() => {
      if (copies.get(instanceId)?.state !== "running") return;
      onEvent({ ...about, health: "unhealthy", detail: "it answers no more" });
    }),
  );
}

/** The same of a copy that an agent before has started, and that may still be starting: the first check tells. */
export function watchAdopted(options: HealthOptions, copy: Copy): void {
  const { driver, process } = options;
  const { instanceId, restartKey = "" } = copy;
  if (restartKey === "") return;
  const { engine, copies } = driver.options;
  const { schedule } = engine;
  schedule.at(schedule.nowMs + firstCheckMs, () =>
    process.enter(() => {
      const now = copies.get(instanceId);
      if (now?.state === "running") watchHealth(options, now);
      else if (now?.state === "starting") watchAdopted(options, now);
    }),
  );
}
