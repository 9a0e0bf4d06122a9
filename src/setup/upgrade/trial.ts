/** A version of a server on trial: it shows that it is healthy, and hears from the launcher whether it stays. */
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import type { Result } from "../../core/result.ts";
import { readText, replaceFile } from "../../launcher/durable.ts";
import type { LauncherState } from "../../launcher/launched.ts";
import { healthyPath, statePath } from "../../launcher/places.ts";
import { fileText, type LaunchState, parseState, type Trial } from "../../launcher/state.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { pause } from "../../runtime/manager-pulse.ts";

export interface TrialOptions {
  readonly dataDirectory: string;
  /** Of this program. */
  readonly version: string;
  readonly launcher: () => LauncherState;
  readonly clock: Clock;
  readonly log: Log;
  /** What is still missing, as an error. */
  readonly health: (trial: Trial) => Promise<Result<void, string>>;
  readonly signal: AbortSignal;
}

const lookEveryMs = 50;

/** What the launcher has written down; undefined: nothing, as nothing was ever replaced here. */
export function launchState(dataDirectory: string): LaunchState | undefined {
  return parseState(readText(statePath(dataDirectory)));
}

/** Resolves when the launcher has decided, with its decision; undefined: this is no trial, or the signal has ended it. */
export async function proveHealth(options: TrialOptions): Promise<Trial | undefined> {
  const { dataDirectory, version, launcher, clock, log, signal } = options;
  const trial = launchState(dataDirectory)?.trial;
  if (trial?.phase !== "trying" || trial.to !== version) return undefined;
  if (launcher() === "none") return undefined; // started by hand, in the place of who decides
  log.write("info", `is on trial in the place of ${wordsFor(trial.from)}`);
  await untilHealthy(options, trial);
  if (signal.aborted) return undefined;
  try {
    replaceFile(healthyPath(dataDirectory), fileText({ id: trial.id, pid: process.pid }));
  } catch (error: unknown) {
    // The launcher goes back when the word does not come.
    log.write("error", `cannot say that it is healthy: ${sentenceOfSystemError(error)}`);
  }
  while (!signal.aborted) {
    const now = launchState(dataDirectory)?.trial;
    if (now?.id !== trial.id || now.phase !== "trying") return now;
    await pause(clock, lookEveryMs, signal);
  }
  return undefined;
}

async function untilHealthy(options: TrialOptions, trial: Trial): Promise<void> {
  const { clock, log, signal } = options;
  let told = "";
  while (!signal.aborted) {
    const health = await options.health(trial);
    if (health.ok) return;
    // These are the last words that the launcher passes on when it is given up.
    if (health.error !== told) log.write("warn", `is not healthy yet: ${health.error}`);
    told = health.error;
    await pause(clock, lookEveryMs, signal);
  }
}

function wordsFor(version: string): string {
  return version === "" ? "the installed version" : `version ${version}`;
}
