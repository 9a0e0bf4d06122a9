/** A worker of `sim fuzz`: plays the seeds that it is given, each independent of all others. */
import { parentPort } from "node:worker_threads";
import { randomPlan } from "../../sim/fuzz/plan.ts";
import { runSeed } from "../../sim/fuzz/run.ts";
import { shrink } from "../../sim/fuzz/shrink.ts";
import { formatPlan } from "../../sim/scenario/format-plan.ts";
import type { Finding, Task, TaskAnswer } from "./messages.ts";

function carryOut(task: Task): TaskAnswer {
  return task.kind === "play" ? play(task) : shrinkSeed(task);
}

function play(task: Extract<Task, { kind: "play" }>): TaskAnswer {
  const findings: Finding[] = [];
  let simulatedMs = 0;
  let eventCount = 0;
  for (let seed = task.from; seed <= task.to; seed += 1) {
    const outcome = runSeed(seed, task.plan);
    simulatedMs += outcome.simulatedMs;
    eventCount += outcome.eventCount;
    const [violation] = outcome.violations;
    if (violation !== undefined) findings.push({ seed, violation });
  }
  return { kind: "played", seedCount: task.to - task.from + 1, simulatedMs, eventCount, findings };
}

function shrinkSeed({ seed, plan }: Extract<Task, { kind: "shrink" }>): TaskAnswer {
  const small = shrink(randomPlan(seed, plan));
  if (small === undefined) {
    return { kind: "shrunken", seed, violation: undefined, scenario: undefined };
  }
  return { kind: "shrunken", seed, violation: small.violation, scenario: formatPlan(small.plan) };
}

function answer(task: Task): TaskAnswer {
  try {
    return carryOut(task);
  } catch (error: unknown) {
    const about = task.kind === "play" ? `seeds ${task.from}..${task.to}` : `seed ${task.seed}`;
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { kind: "failed", why: `${about}: ${why}` };
  }
}

const port = parentPort;
if (port !== null) port.on("message", (task: Task) => port.postMessage(answer(task)));
