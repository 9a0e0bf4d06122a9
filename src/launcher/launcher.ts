/**
 * Starts the agent, or the server, and stays behind while one version takes the place of another: it starts the new one,
 * waits for its word that it is healthy, and goes back to the one before when that does not come. What is to run is in one file, whose
 * replacement is the swap: a crash at any moment leaves the one or the other.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Child, type ChildEnd, startChild } from "./child.ts";
import { readText, replaceFile } from "./durable.ts";
import {
  healthyPath,
  orderPath,
  originFile,
  progressPath,
  statePath,
  trialLogPath,
  versionFolder,
  versionsFolder,
} from "./places.ts";
import {
  afterTrialEnd,
  confirmed,
  initialState,
  neededVersions,
  rolledBack,
  trialOf,
  withAttempt,
  withInstalled,
  withOrder,
} from "./plan.ts";
import { maybePutVersionsAside } from "./put-aside.ts";
import {
  fileText,
  type HealthyWord,
  type LaunchState,
  parseHealthy,
  parseOrder,
  parseProgress,
  parseState,
  type Trial,
  type UpgradeOrder,
} from "./state.ts";
import { type TakeOverOptions, takeOver } from "./take-over.ts";
import { openTrialLog, type TrialLog } from "./trial-log.ts";
import { createTrialTime } from "./trial-time.ts";

export interface LauncherOptions extends TakeOverOptions {
  /** Node.js with its flags. */
  readonly node: readonly string[];
  /** The installed package: its main file and its version. */
  readonly installed: { readonly main: string; readonly version: string };
  /** Words of `agent run` or `server run`, after the main file. */
  readonly words: readonly string[];
}

export interface Launcher {
  /** Resolves with the exit code, when what it runs has ended for good. */
  run(): Promise<number>;
  /** Passes a signal on to what it runs, which is not started again. */
  stop(signal: NodeJS.Signals): void;
}

const lookEveryMs = 100;
/** What has run for so long is started again when it crashes: an agent before its guard stops waiting (400 ms). */
const settledMs = 5_000;
const retryMs = 300;
/** Before it ends as what it looks after cannot start: whoever starts it again then does that for ever. */
const quickEndMs = 1_000;

/** Prepares the folder; starts nothing yet. */
export function createLauncher(options: LauncherOptions): Launcher {
  const { dataDirectory, write } = options;
  mkdirSync(versionsFolder(dataDirectory), { recursive: true, mode: 0o700 });
  maybePutVersionsAside(dataDirectory);
  let state = readState(options);
  let child: Child | undefined;
  let stopping = false;

  function become(next: LaunchState): void {
    if (next === state) return;
    state = next;
    try {
      replaceFile(statePath(dataDirectory), fileText(next));
    } catch (error: unknown) {
      // The disk is full, say: what runs is worth more than what is remembered of it.
      write(`the state could not be written: ${error instanceof Error ? error.message : "?"}`);
    }
  }

  /** What is on the disk decides, also after a crash between any two writes. */
  function settle(): void {
    become(withInstalled(state, options.installed.version));
    const order = parseOrder(readText(orderPath(dataDirectory)));
    const fault = order === undefined ? undefined : faultOf(options, order);
    const place = order !== undefined && isInstalled(options, order) ? "installed" : "folder";
    const before = state;
    become(withOrder(state, order, fault, place));
    if (state !== before) write(`upgrade ${state.trial?.id}: ${sentenceOf(state)}`);
    if (state.running !== "" && !isThere(dataDirectory, state.running)) {
      write(`version ${state.running} is not there any more: the installed one runs`);
      const why = `version ${state.running} is not there any more`;
      become({ ...(trialOf(state) ? rolledBack(state, why) : state), running: "" });
    }
    become(withAttempt(state));
  }

  async function run(): Promise<number> {
    await takeOver(options);
    for (;;) {
      settle();
      if (stopping) return 0;
      const trial = trialOf(state);
      const end = trial === undefined ? await runUsual() : await runTrial(trial);
      child = undefined;
      if (stopping) return end.code;
      if (trialOf(state) !== undefined) {
        await pause(retryMs); // a trial's end is one of its attempts
        continue;
      }
      if (trial !== undefined && state.trial?.phase === "rolled-back") continue;
      if (isOrdered()) continue;
      if (end.code === 0) return 0;
      write(`the ${options.what} has ended (${end.how})`);
      if (end.ranMs >= settledMs || (await takeOver(options))) continue;
      const giveUpAtMs = performance.now() + quickEndMs;
      while (!stopping && performance.now() < giveUpAtMs) await pause(lookEveryMs);
      return end.code;
    }
  }

  function isOrdered(): boolean {
    const order = parseOrder(readText(orderPath(dataDirectory)));
    return order !== undefined && order.id !== state.trial?.id;
  }

  function start(output: number | undefined): Child {
    const { node, words } = options;
    child = startChild({ command: [...node, mainOf(options, state), ...words], output });
    return child;
  }

  async function runUsual(): Promise<ChildEnd> {
    return await start(undefined).ended;
  }

  /** An attempt: until it has ended, or for as long as it runs after it has become healthy. */
  async function runTrial(trial: Trial): Promise<ChildEnd> {
    for (const pathOf of [healthyPath, progressPath])
      rmSync(pathOf(dataDirectory), { force: true });
    const log = openTrialLog(trialLogPath(dataDirectory), (text) => process.stdout.write(text));
    const started = start(log.descriptor);
    let end: ChildEnd | undefined;
    const ended = started.ended.then((how) => {
      end = how;
      return how;
    });
    try {
      const time = createTrialTime(trial.healthyWithinMs, performance.now());
      const isOf = (word: HealthyWord | undefined) =>
        word?.id === trial.id && word.pid === started.pid;
      const isHealthy = () => isOf(parseHealthy(readText(healthyPath(dataDirectory))));
      let late: string | undefined;
      while (end === undefined && !isHealthy() && late === undefined) {
        await Promise.race([ended, pause(lookEveryMs)]);
        const progress = parseProgress(readText(progressPath(dataDirectory)));
        late = time.over(performance.now(), isOf(progress) ? progress : undefined);
      }
      if (end === undefined && isHealthy()) {
        become(confirmed(state));
        write(`version ${trial.to} is healthy`);
        removeOthers(dataDirectory, state, write);
        return await ended;
      }
      return await endTrial(trial, { started, ended, end, late, log });
    } finally {
      log.close();
    }
  }

  async function endTrial(
    trial: Trial,
    parts: {
      readonly started: Child;
      readonly ended: Promise<ChildEnd>;
      readonly end: ChildEnd | undefined;
      /** Why it is given up although it runs. */
      readonly late: string | undefined;
      readonly log: TrialLog;
    },
  ): Promise<ChildEnd> {
    if (parts.end !== undefined) {
      if (stopping) return parts.end;
      const why = `version ${trial.to} ended before it was healthy (${parts.end.how})`;
      become(afterTrialEnd(state, withLines(why, parts.log)));
    } else {
      const why = `version ${trial.to} ${parts.late ?? "was not healthy"}`;
      become(rolledBack(state, withLines(why, parts.log)));
      await endChild(parts.started, parts.ended, options.endMsMax);
    }
    if (trialOf(state) === undefined) write(`upgrade ${trial.id}: ${sentenceOf(state)}`);
    return await parts.ended;
  }

  return {
    run,
    stop(signal) {
      stopping = true;
      child?.signal(signal);
    },
  };
}

function readState({ dataDirectory, installed }: LauncherOptions): LaunchState {
  return parseState(readText(statePath(dataDirectory))) ?? initialState(installed.version);
}

function mainOf({ dataDirectory, installed }: LauncherOptions, { running }: LaunchState): string {
  return running === "" ? installed.main : mainIn(dataDirectory, running);
}

function mainIn(dataDirectory: string, version: string): string {
  return join(versionFolder(dataDirectory, version), "dist/main.js");
}

function isThere(dataDirectory: string, version: string): boolean {
  return existsSync(mainIn(dataDirectory, version));
}

/** Why the version that was ordered cannot be started. */
function faultOf(options: LauncherOptions, order: UpgradeOrder): string | undefined {
  const { dataDirectory } = options;
  const { version, sha256 } = order;
  if (isInstalled(options, order)) return undefined;
  const origin = readText(join(versionFolder(dataDirectory, version), originFile)).trim();
  if (isThere(dataDirectory, version) && (sha256 === "" || origin === sha256)) return undefined;
  const content = sha256 === "" ? "" : ` with the content ${sha256}`;
  return `version ${version}${content} is not on this machine`;
}

/** Whether the version is wanted in whatever form it is here, and only the installed package is of it. */
function isInstalled(
  { dataDirectory, installed }: LauncherOptions,
  { version, sha256 }: UpgradeOrder,
): boolean {
  return sha256 === "" && version === installed.version && !isThere(dataDirectory, version);
}

function sentenceOf({ running, trial }: LaunchState): string {
  const now = running === "" ? "the installed version" : `version ${running}`;
  if (trial?.phase !== "rolled-back") return `${now} is started`;
  return `${now} runs again: ${trial.detail}`;
}

function withLines(why: string, log: TrialLog): string {
  const lines = log.lastLines();
  return lines === "" ? why : `${why}; its last words: ${lines}`;
}

async function endChild(child: Child, ended: Promise<ChildEnd>, endMsMax: number): Promise<void> {
  child.signal("SIGTERM");
  const timer = setTimeout(() => child.signal("SIGKILL"), endMsMax);
  await ended;
  clearTimeout(timer);
}

/** What neither runs nor is the way back is of no use any more. */
function removeOthers(
  dataDirectory: string,
  state: LaunchState,
  write: (line: string) => void,
): void {
  const needed = neededVersions(state);
  const folder = versionsFolder(dataDirectory);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || needed.has(entry.name)) continue;
    try {
      rmSync(join(folder, entry.name), { recursive: true, force: true });
    } catch (error: unknown) {
      const why = error instanceof Error ? error.message : String(error);
      write(`an old version could not be removed: ${why}`);
    }
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
