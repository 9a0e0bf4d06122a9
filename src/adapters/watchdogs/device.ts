/**
 * The kernel's watchdog (`/dev/watchdog`): once open, it resets the node unless it is written to in time. It is
 * written to only as long as this write plus its own time-out stays before the deadline, so that the node is
 * reset at the deadline at the latest.
 */
import { execFile } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { err, ok, type Result } from "../../core/result.ts";
import type { Log } from "../../ports/log.ts";
import type { Watchdog } from "../../ports/watchdog.ts";

export interface DeviceWatchdogOptions {
  /** A watchdog device; anything else that can be written to stands in for one in tests. */
  readonly path: string;
  readonly log: Log;
  /** CLOCK_MONOTONIC in milliseconds. */
  readonly now: () => number;
  /** The time-out that is asked of the device, in whole seconds; default: 1. */
  readonly timeoutSeconds?: number;
}

const feedEveryMs = 300;
const wdctlTimeoutMs = 3_000;

/** Finds out the device's time-out. Opens it, which arms it, no earlier than at the first `feed`. */
export async function openDeviceWatchdog(
  options: DeviceWatchdogOptions,
): Promise<Result<Watchdog, string>> {
  const { path } = options;
  const found = await timeoutOf(path, options.timeoutSeconds ?? 1);
  if (!found.ok) return found;
  const timeoutMs = found.value;
  let file: number | undefined;
  let runUntilMs = 0;
  let timer: NodeJS.Timeout | undefined;

  function write(): void {
    if (file === undefined || options.now() + timeoutMs >= runUntilMs) return;
    try {
      writeSync(file, "\n");
    } catch (error: unknown) {
      options.log.write("error", `cannot feed watchdog ${path}: ${String(error)}`);
    }
  }

  return ok({
    kind: "device",
    async feed(untilMs) {
      runUntilMs = untilMs;
      if (file === undefined) {
        if (options.now() + timeoutMs >= untilMs) return "refused";
        try {
          file = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
        } catch (error: unknown) {
          options.log.write("error", `cannot arm watchdog ${path}: ${String(error)}`);
          return "refused";
        }
        timer = setInterval(write, feedEveryMs);
      }
      write();
      return "accepted";
    },
    async disarm() {
      clearInterval(timer);
      if (file === undefined) return;
      try {
        writeSync(file, "V"); // the magic close: without it the device would go on counting
      } catch (error: unknown) {
        options.log.write("error", `cannot disarm watchdog ${path}: ${String(error)}`);
      }
      closeSync(file);
      file = undefined;
    },
  });
}

async function timeoutOf(path: string, seconds: number): Promise<Result<number, string>> {
  let isDevice: boolean;
  try {
    isDevice = statSync(path).isCharacterDevice();
  } catch (error: unknown) {
    return err(`cannot use watchdog ${path}: ${String(error)}`);
  }
  if (!isDevice) return ok(seconds * 1_000);
  await run("wdctl", ["--settimeout", String(seconds), path]); // what came of it is read back below
  const name = basename(path) === "watchdog" ? "watchdog0" : basename(path);
  try {
    const text = readFileSync(`/sys/class/watchdog/${name}/timeout`, "utf8");
    const actual = Number(text.trim());
    if (Number.isFinite(actual) && actual > 0) return ok(actual * 1_000);
    return err(`cannot use watchdog ${path}: its time-out reads "${text.trim()}"`);
  } catch (error: unknown) {
    return err(`cannot use watchdog ${path}, its time-out is unknown: ${String(error)}`);
  }
}

function run(command: string, argumentList: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    execFile(command, argumentList, { timeout: wdctlTimeoutMs }, () => resolve());
  });
}
