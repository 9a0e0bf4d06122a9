/** A version of a server on trial: it shows that it is healthy, and hears from the launcher whether it stays. */
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import type { Result } from "../../core/result.ts";
import { readText, replaceFile } from "../../launcher/durable.ts";
import type { LauncherState } from "../../launcher/launched.ts";
import { healthyPath, progressPath, statePath } from "../../launcher/places.ts";
import { fileText, type LaunchState, parseState, type Trial } from "../../launcher/state.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import type { UpgradeRecord } from "../../wire/control-plane/upgrades.ts";

/** Who may be on trial. */
export interface TrialPlace {
  readonly dataDirectory: string;
  /** Of this program. */
  readonly version: string;
  readonly launcher: () => LauncherState;
  readonly clock: Clock;
  readonly log: Log;
}

export interface TrialOptions extends TrialPlace {
  /** What is still missing, as an error. */
  readonly health: (trial: Trial) => Promise<Result<void, string>>;
  readonly signal: AbortSignal;
}

const lookEveryMs = 50;
/** Much less than any trial lasts; each word is on the disk before the work goes on. */
const progressEveryMs = 1_000;

/** What the launcher has written down; undefined: nothing, as nothing was ever replaced here. */
export function launchState(dataDirectory: string): LaunchState | undefined {
  return parseState(readText(statePath(dataDirectory)));
}

/** Resolves when the launcher has decided, with its decision; undefined: this is no trial, or the signal has ended it. */
export async function proveHealth(options: TrialOptions): Promise<Trial | undefined> {
  const { dataDirectory, clock, log, signal } = options;
  const trial = trialOfThis(options);
  if (trial === undefined) return undefined;
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

/** Whether this process is on trial in the place of another version. */
export function isOnTrial(
  place: Pick<TrialPlace, "dataDirectory" | "version" | "launcher">,
): boolean {
  return trialOfThis(place) !== undefined;
}

/** Undefined: this process is not on trial. */
function trialOfThis({
  dataDirectory,
  version,
  launcher,
}: Pick<TrialPlace, "dataDirectory" | "version" | "launcher">): Trial | undefined {
  const trial = launchState(dataDirectory)?.trial;
  if (trial?.phase !== "trying" || trial.to !== version) return undefined;
  return launcher() === "none" ? undefined : trial; // none: started by hand, in the place of who decides
}

/**
 * Makes what a server is to call with each part of a long piece of work on its store, which it does before it serves: on
 * trial its launcher has to know that it does not hang.
 */
export function createTrialProgress(place: TrialPlace): () => void {
  const { dataDirectory, clock, log } = place;
  const trial = trialOfThis(place);
  if (trial === undefined) return () => undefined;
  const { id } = trial;
  let count = 0;
  let nextAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs < nextAtMs) return;
    nextAtMs = nowMs + progressEveryMs;
    count += 1;
    try {
      replaceFile(progressPath(dataDirectory), fileText({ id, pid: process.pid, count }));
    } catch (error: unknown) {
      // The launcher goes back when too many of these words do not come.
      log.write("warn", `cannot say that it goes on: ${sentenceOfSystemError(error)}`);
    }
  };
}

/** Whether the upgrade's new version was tried in this server's place and given up: what runs is the version of before. */
export function wasGivenUp(
  dataDirectory: string,
  { id, to }: Pick<UpgradeRecord, "id" | "to">,
): boolean {
  const trial = launchState(dataDirectory)?.trial;
  return trial?.phase === "rolled-back" && trial.to === to.version && trial.id.startsWith(`${id}/`);
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
