/**
 * A very slow disk for one process: strace holds each of its fsync and fdatasync calls back before they return. It
 * needs no kernel module, begins and ends while the process runs, and leaves every other process alone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { waitFor } from "../e2e/harness/wait.ts";
import { labPath } from "./namespaces.ts";

const flushCalls = "fsync,fdatasync,msync,sync_file_range";

export class SlowDisk {
  readonly #tracers = new Set<ChildProcess>();

  /** Attaches to all threads of a process, and to those that it begins later. */
  async slow(pid: number, delayMs: number): Promise<void> {
    const inject = `inject=${flushCalls}:delay_exit=${Math.round(delayMs * 1_000)}`;
    const words = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${flushCalls}`, "-e", inject];
    const tracer = spawn("strace", [...words, "-p", String(pid)], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { PATH: labPath },
    });
    this.#tracers.add(tracer);
    await waitFor(`strace to hold process ${pid}`, 10_000, () => {
      if (tracer.exitCode !== null) throw new Error("strace ended: is it allowed to trace here?");
      return isTraced(pid);
    });
  }

  /** The disk is as fast as before. Idempotent. */
  async end(): Promise<void> {
    const tracers = [...this.#tracers];
    this.#tracers.clear();
    const running = tracers.filter(({ exitCode, signalCode }) => (exitCode ?? signalCode) === null);
    const gone = running.map((tracer) => once(tracer, "exit"));
    for (const tracer of running) tracer.kill("SIGTERM");
    await Promise.all(gone);
  }
}

/** Whether every thread has a tracer. */
function isTraced(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.every((thread) => {
      const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
      return !/^TracerPid:\t0$/m.test(status);
    });
  } catch {
    return false; // a thread ended meanwhile: look again
  }
}
