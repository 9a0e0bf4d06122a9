/** A process on a host: its output goes to a file in the host's folder, and tests wait for what it says. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { waitFor } from "../e2e/harness/wait.ts";
import { labPath } from "./namespaces.ts";
import { childrenOf, signal } from "./processes.ts";

/** How a process ended: one of the two is null. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LabProcessStart {
  readonly name: string;
  /** Words that enter the host. */
  readonly enter: readonly string[];
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly logPath: string;
}

export class LabProcess {
  readonly name: string;
  readonly logPath: string;
  /** Resolves when the process has ended, also with its host's power. */
  readonly ended: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  readonly #logStart: number;

  constructor({ name, enter, command, environment, logPath }: LabProcessStart) {
    this.name = name;
    this.logPath = logPath;
    this.#logStart = existsSync(logPath) ? readFileSync(logPath, "utf8").length : 0;
    const output = openSync(logPath, "a", 0o600);
    const [file = "", ...rest] = [...enter, ...command];
    this.#child = spawn(file, rest, {
      stdio: ["ignore", output, output],
      env: { ...process.env, PATH: labPath, ...environment },
    });
    closeSync(output);
    this.ended = endOf(this.#child);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The process that stands outside of the host and waits for the one inside. */
  get outerPid(): number {
    return this.#child.pid ?? 0;
  }

  /** The process itself, by its number outside of the host. */
  pid(): Promise<number> {
    return waitFor(`${this.name} to have a process`, 10_000, () => {
      if (!this.isRunning) throw new Error(`${this.name} has ended:\n${this.tail()}`);
      return childrenOf(this.outerPid)[0]?.pid;
    });
  }

  async signal(name: NodeJS.Signals): Promise<void> {
    signal(await this.pid(), name);
  }

  /** What this start of the process has said so far. */
  log(): string {
    return existsSync(this.logPath) ? readFileSync(this.logPath, "utf8").slice(this.#logStart) : "";
  }

  /** Its last lines, for a person. */
  tail(linesMax = 25): string {
    const lines = this.log().trimEnd().split("\n").slice(-linesMax);
    return `--- ${this.logPath}\n${lines.join("\n")}`;
  }

  /** Waits until it has said this; fails at once when it ends without. */
  async says(what: string | RegExp, forMsMax = 15_000): Promise<void> {
    const isSaid = (): boolean => {
      const text = this.log();
      return typeof what === "string" ? text.includes(what) : what.test(text);
    };
    await waitFor(`${this.name} to say ${String(what)}`, forMsMax, () => {
      const wasRunning = this.isRunning;
      if (isSaid()) return true;
      if (!wasRunning) throw new Error(`${this.name} ended without saying ${String(what)}`);
      return false;
    });
  }
}

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  const { promise, resolve } = Promise.withResolvers<ProcessEnd>();
  child.once("exit", (exitCode, name) => resolve({ exitCode, signal: name }));
  child.once("error", () => resolve({ exitCode: 127, signal: null }));
  return promise;
}
