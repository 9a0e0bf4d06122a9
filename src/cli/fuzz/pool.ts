/** Worker threads that carry out one task each at a time. */
import { existsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Task, TaskAnswer } from "./messages.ts";

/** Gives tasks to idle workers, as long as there are any, and hands their answers on. */
export interface PoolOptions {
  readonly workerCount: number;
  /** The next task; undefined: there is none now. */
  readonly nextTask: () => Task | undefined;
  readonly onAnswer: (answer: TaskAnswer) => void;
  /** Aborts: workers are ended where they are. */
  readonly signal: AbortSignal;
}

/** Resolves when no task is left and every answer was handed on, or when the signal aborts. */
export async function runPool(options: PoolOptions): Promise<void> {
  const { signal } = options;
  const workers = Array.from({ length: options.workerCount }, () => new Worker(workerUrl()));
  const endAll = (): void => {
    for (const worker of workers) void worker.terminate();
  };
  signal.addEventListener("abort", endAll, { once: true });
  try {
    await Promise.all(workers.map((worker) => work(worker, options)));
  } finally {
    signal.removeEventListener("abort", endAll);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** In the bundle the worker lies beside it, else beside this file. */
function workerUrl(): URL {
  const bundled = new URL("fuzz-worker.js", import.meta.url);
  return existsSync(bundled) ? bundled : new URL("worker.ts", import.meta.url);
}

async function work(worker: Worker, options: PoolOptions): Promise<void> {
  const { nextTask, onAnswer, signal } = options;
  while (!signal.aborted) {
    const task = nextTask();
    if (task === undefined) return;
    const answer = await ask(worker, task);
    if (answer !== undefined) onAnswer(answer);
  }
}

/** Undefined: the worker was ended. */
function ask(worker: Worker, task: Task): Promise<TaskAnswer | undefined> {
  return new Promise((resolve) => {
    const settle = (answer: TaskAnswer | undefined): void => {
      worker.off("message", settle).off("error", onError).off("exit", onExit);
      resolve(answer);
    };
    const onError = (error: unknown): void => settle({ kind: "failed", why: String(error) });
    const onExit = (): void => settle(undefined);
    worker.on("message", settle).on("error", onError).on("exit", onExit);
    worker.postMessage(task);
  });
}
