/**
 * A server's hold on its floating address, over the guard's pipes. A guard that is lost is replaced by another one,
 * whose first act is to take the address away.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { AddressHolder, FloatingAddress } from "../../ports/office.ts";
import { probeAddress } from "./arping.ts";
import { type GuardOrder, lineBytesMax, parseWord } from "./guard-protocol.ts";
import { isOfIpv6, systemPath } from "./ip.ts";
import { announcementHint, missingForAddress } from "./requirements.ts";

export interface AddressHolderOptions {
  readonly place: FloatingAddress;
  /** Executable and arguments of the guard; the place is added as the last one. */
  readonly guardCommand: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

const readyMsMax = 10_000;
const answerMsMax = 2_500;
/** A guard that ends sooner than this is not started again before. */
const againMsMin = 1_000;
const pendingCountMax = 16;

type GuardProcess = ChildProcessByStdio<Writable, Readable, null>;
/** Undefined: it was done. */
type Failure = string | undefined;
const noGuard = "the guard of the address does not answer";

/** Starts the guard, which takes away what an earlier life has left. The error is for the operator. */
export async function openAddressHolder(
  options: AddressHolderOptions,
): Promise<Result<AddressHolder, string>> {
  const holder = new GuardedAddress(options);
  const ready = await holder.ready();
  if (ready === undefined) return ok(holder);
  await holder.close();
  return err(`cannot guard ${options.place.address}: ${ready}`);
}

class GuardedAddress implements AddressHolder {
  readonly place: FloatingAddress;
  readonly #options: AddressHolderOptions;
  readonly #pending = new Map<number, (failure: Failure) => void>();
  #guard: GuardProcess;
  #ready = Promise.withResolvers<Failure>();
  #ended = Promise.withResolvers<void>();
  #lastId = 0;
  #isClosed = false;
  #cancelRestart = (): void => undefined;

  constructor(options: AddressHolderOptions) {
    this.place = options.place;
    this.#options = options;
    this.#guard = this.#start();
    const hint = announcementHint(options.place);
    if (hint !== undefined) options.log.write("warn", hint);
  }

  async ready(): Promise<Failure> {
    const cancel = this.#options.clock.after(readyMsMax, () => this.#ready.resolve(noGuard));
    const failure = await this.#ready.promise;
    cancel();
    return failure;
  }

  missing(): Promise<string | undefined> {
    return Promise.resolve(missingForAddress(this.place));
  }

  isFree(): Promise<Result<boolean, string>> {
    return isOfIpv6(this.place) ? Promise.resolve(ok(true)) : probeAddress(this.place);
  }

  async hold({
    removeAtMs,
    endAtMs,
  }: Parameters<AddressHolder["hold"]>[0]): Promise<Result<void, string>> {
    const failure = await this.#ask((id) => ({ kind: "hold", id, removeAtMs, endAtMs }));
    return failure === undefined ? ok(undefined) : err(failure);
  }

  async drop(): Promise<"gone" | "unknown"> {
    const failure = await this.#ask((id) => ({ kind: "drop", id }));
    if (failure === undefined) return "gone";
    this.#options.log.write("warn", `cannot take ${this.place.address} away: ${failure}`);
    return "unknown";
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRestart();
    this.#guard.stdin.end(); // the guard takes the address away and ends
    const cancel = this.#options.clock.after(answerMsMax, () => {
      this.#guard.kill("SIGKILL"); // the kernel ends the address's life
    });
    await this.#ended.promise;
    cancel();
  }

  #ask(orderOf: (id: number) => GuardOrder): Promise<Failure> {
    const { stdin } = this.#guard;
    if (!stdin.writable || this.#pending.size >= pendingCountMax) return Promise.resolve(noGuard);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      const finish = (failure: Failure): void => {
        cancel();
        this.#pending.delete(id);
        resolve(failure);
      };
      const cancel = this.#options.clock.after(answerMsMax, () => finish(noGuard));
      this.#pending.set(id, finish);
      stdin.write(`${JSON.stringify(orderOf(id))}\n`);
    });
  }

  /** In a session of its own, so that what ends a terminal's processes does not end it before its server. */
  #start(): GuardProcess {
    const { guardCommand, place, clock } = this.#options;
    const [file = "", ...words] = guardCommand;
    const guard = spawn(file, [...words, JSON.stringify(place)], {
      detached: true,
      cwd: "/",
      stdio: ["pipe", "pipe", "ignore"],
      env: { PATH: systemPath },
    });
    const startedAtMs = clock.monotonicMs();
    this.#ended = Promise.withResolvers<void>();
    guard.stdin.on("error", () => undefined); // "exit" follows and says the same
    guard.stdout.setEncoding("utf8").on(
      "data",
      lineReader((line) => this.#take(line)),
    );
    guard.once("error", (error) => this.#lost(guard, startedAtMs, error.message));
    guard.once("exit", (code, signal) => {
      this.#lost(guard, startedAtMs, `its guard has ended (${signal ?? `exit code ${code}`})`);
    });
    return guard;
  }

  #lost(guard: GuardProcess, startedAtMs: number, because: string): void {
    this.#ended.resolve();
    this.#ready.resolve(because);
    for (const finish of [...this.#pending.values()]) finish(because);
    if (this.#isClosed || guard !== this.#guard) return;
    const { clock, log, place } = this.#options;
    log.write("error", `${place.address}: ${because}; another one is started`);
    const waitMs = Math.max(0, startedAtMs + againMsMin - clock.monotonicMs());
    this.#cancelRestart = clock.after(waitMs, () => {
      this.#guard = this.#start();
    });
  }

  #take(line: string): void {
    const word = parseWord(line);
    const { log, place } = this.#options;
    if (word === undefined) this.#guard.kill("SIGKILL");
    else if (word.kind === "answer") this.#pending.get(word.id)?.(word.failure);
    else if (word.kind === "ready") {
      // The kernel ends the life of what is left within seconds.
      if (word.failure !== undefined) log.write("error", `${place.address}: ${word.failure}`);
      this.#ready.resolve(undefined);
    } else log.write("warn", `${place.address} was taken away: ${word.because}`);
  }
}

/** Cuts chunks into lines; one that is too long is cut, and is then no word of a guard. */
function lineReader(onLine: (line: string) => void): (chunk: string) => void {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = (lines.pop() ?? "").slice(0, lineBytesMax);
    for (const line of lines) onLine(line);
  };
}
