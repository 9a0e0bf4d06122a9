/**
 * Runs this server's member of the store: the program `etcd`, started again when it ends, and killed by the kernel
 * when the server dies, so that no member is left that nobody looks after.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { type MemberBeginning, type MemberPlaces, memberFlags } from "./member-flags.ts";
import { missingForMember } from "./programs.ts";

export interface MemberOptions {
  readonly beginning: MemberBeginning;
  readonly places: MemberPlaces;
  readonly start?: "usual" | "force-new" | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: `etcd`, as the search path finds it. */
  readonly program?: string | undefined;
}

export interface RunningMember {
  /** Ends it in an orderly way, or kills it after some seconds. Idempotent. */
  stop(): Promise<void>;
  /** Resolves when it has ended for good: undefined when it was stopped, else why it cannot go on. */
  readonly ended: Promise<string | undefined>;
}

const restartMsMin = 200;
const restartMsMax = 5_000;
const stopMsMax = 10_000;
/** Longest line of etcd's that is passed on, in characters. */
const lineLengthMax = 1_000;
/** What etcd says when the others have removed it; it can never come back with this data. */
const removedPattern = /permanently removed from the cluster|the member has been removed/i;

/** On what etcd 3.4 has not been tried on it starts only when it is told so. */
const otherMachine: Readonly<Record<string, string>> =
  process.arch === "x64" ? {} : { ETCD_UNSUPPORTED_ARCH: process.arch };

/** Why a member ended that the others have taken out. */
export const removedWords =
  "this server was removed from the cluster: its member of the store is out for good; to use this machine again, empty the server's data directory and join it anew";

/** Starts the member; it may take a moment until it answers. The error says which program is missing. */
export async function startMember(options: MemberOptions): Promise<Result<RunningMember, string>> {
  const missing = await missingForMember(options.program);
  if (missing !== undefined) return err(missing);
  const supervisor = new Supervisor(options);
  const first = await supervisor.launch();
  return first.ok ? ok(supervisor) : first;
}

class Supervisor implements RunningMember {
  readonly #options: MemberOptions;
  readonly ended: Promise<string | undefined>;
  #end: (why: string | undefined) => void = () => undefined;
  #child: ChildProcess | undefined;
  #isStopping = false;
  #isRemoved = false;
  #lastLine = "it wrote nothing";
  #delayMs = restartMsMin;
  #cancelRestart: () => void = () => undefined;
  /** A start that is under way; its end is settled here, so that a stop does not miss the process. */
  #launching: Promise<void> = Promise.resolve();

  constructor(options: MemberOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  async launch(): Promise<Result<void, string>> {
    const { beginning, places, start, program = "etcd" } = this.#options;
    const flags = memberFlags(beginning, places, start);
    const child = spawn("setpriv", ["--pdeathsig", "KILL", program, ...flags], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", ...otherMachine },
    });
    try {
      await once(child, "spawn");
    } catch (error: unknown) {
      return err(
        `cannot start ${program}: ${error instanceof Error ? error.message : "no reason"}`,
      );
    }
    this.#child = child;
    child.on("error", () => undefined); // a signal that came too late: "close" says how it ended
    const startedAtMs = this.#options.clock.monotonicMs();
    if (child.stderr !== null) this.#relay(child.stderr);
    // "close": its last words are read by then.
    child.once("close", (code, signal) => {
      this.#onExit(startedAtMs, signal ?? `exit code ${code}`);
    });
    return ok(undefined);
  }

  #relay(stderr: Readable): void {
    const lines = createInterface({ input: stderr });
    lines.on("line", (line) => {
      if (removedPattern.test(line)) this.#isRemoved = true;
      this.#options.log.write("debug", `etcd: ${line.slice(0, lineLengthMax)}`);
      this.#lastLine = line.slice(0, lineLengthMax);
    });
    lines.on("error", () => undefined); // the child's end follows and says it
  }

  #onExit(startedAtMs: number, how: string): void {
    this.#child = undefined;
    const { clock, log } = this.#options;
    if (this.#isStopping) {
      this.#end(undefined);
      return;
    }
    if (this.#isRemoved) {
      this.#end(removedWords);
      return;
    }
    const ranMs = clock.monotonicMs() - startedAtMs;
    this.#delayMs = ranMs > restartMsMax ? restartMsMin : Math.min(this.#delayMs * 2, restartMsMax);
    log.write("warn", `etcd ended (${how}), it is started again: ${this.#lastLine}`);
    this.#cancelRestart = clock.after(this.#delayMs, () => {
      this.#launching = this.launch().then((launched) => {
        if (!launched.ok) this.#end(launched.error);
      });
    });
  }

  async stop(): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.#cancelRestart();
      await this.#launching;
      const child = this.#child;
      if (child === undefined) this.#end(undefined);
      else {
        child.kill("SIGTERM");
        const cancel = this.#options.clock.after(stopMsMax, () => child.kill("SIGKILL"));
        void this.ended.then(cancel);
      }
    }
    await this.ended;
  }
}
