/**
 * A host of the lab: namespaces of its own for network, processes, mounts and name, a folder on the disk, and a
 * power switch. Its first process is the power: when it is killed, the kernel kills all others in the same moment.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { waitFor } from "../e2e/harness/wait.ts";
import { runTool } from "./command.ts";
import { LabProcess } from "./lab-process.ts";
import { isMadeByRoot, labPath, namespaceFlags } from "./namespaces.ts";
import type { LabNetwork } from "./network.ts";
import { childrenOf, type ProcessView, processesOfNamespace, signal } from "./processes.ts";
import { SlowDisk } from "./slow-disk.ts";

/** Reaps orphans and never ends by itself. */
const firstProcess = ["sh", "-c", "while :; do sleep 3600 & wait $!; done"];
const bootIdPath = "/proc/sys/kernel/random/boot_id";
const freezeForMsMax = 5_000;

export interface StartOptions {
  /** Added to the environment of the test. */
  readonly environment?: Readonly<Record<string, string>>;
}

interface Power {
  readonly holder: ChildProcess;
  readonly initPid: number;
}

export class Host {
  readonly name: string;
  /** The host's own; it outlives its power. Logs lie in it. */
  readonly folder: string;
  /** A small disk of its own where one was asked for (`diskBytes`), else a folder. */
  readonly disk: string;
  readonly #network: LabNetwork;
  readonly #processes: LabProcess[] = [];
  readonly #slowDisk = new SlowDisk();
  #power: Power | undefined;

  constructor(name: string, folder: string, network: LabNetwork) {
    this.name = name;
    this.folder = folder;
    this.disk = join(folder, "disk");
    this.#network = network;
    mkdirSync(this.disk, { recursive: true, mode: 0o700 });
  }

  get address(): string {
    return this.#network.port(this.name).address;
  }

  get isOn(): boolean {
    return this.#power !== undefined;
  }

  /** Starts an empty host, as after a boot: same address, same disk, a new boot id. */
  async powerOn(): Promise<void> {
    assert(!this.isOn, `${this.name} is off`);
    const words = [...namespaceFlags, "--fork", "--kill-child", "--mount-proc", ...firstProcess];
    const holder = spawn("unshare", words, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { PATH: labPath },
    });
    let said = "";
    holder.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-2_000);
    });
    const { pid: initPid } = await waitFor(`${this.name} to boot`, 10_000, () => {
      assert(holder.exitCode === null, `${this.name} cannot be made: ${said}`);
      return childrenOf(holder.pid ?? 0).find(({ command }) => command === "sh");
    });
    this.#power = { holder, initPid };
    await this.#network.plug(this.name, initPid);
    await this.run(["hostname", this.name]);
    // Nested process namespaces of an ordinary user cannot mount /proc once something lies over a file of it.
    if (isMadeByRoot()) await this.#renewBootId();
  }

  /** Power loss: nothing is sent any more, and all processes of the host end in the same moment. */
  async kill(): Promise<void> {
    const power = this.#power;
    assert(power !== undefined, `${this.name} is on`);
    this.#power = undefined;
    await this.#network.unplug(this.name);
    const gone = once(power.holder, "exit");
    signal(power.initPid, "SIGKILL");
    const all = [...this.#processes];
    for (const { outerPid, isRunning } of all) if (isRunning) signal(outerPid, "SIGKILL");
    // The kernel lets the first process end only after all others of its namespace have.
    await gone;
    await Promise.all(all.map(({ ended }) => ended));
    await this.#slowDisk.end();
  }

  /** SIGSTOP to all processes; done when every one stands still. */
  async freeze(): Promise<void> {
    await waitFor(`${this.name} to stand still`, freezeForMsMax, () => {
      const all = this.processes();
      const stopped = all.filter(({ state }) => state === "T" || state === "t");
      const moving = all.filter((one) => !stopped.includes(one));
      for (const { pid } of moving) signal(pid, "SIGSTOP");
      // A shell that has just made a child (vfork) waits in the kernel for what the child, stopped by now, does next.
      return moving.every(({ pid, state }) => {
        return state === "D" && stopped.some(({ parentPid }) => parentPid === pid);
      });
    });
  }

  /** SIGCONT to all processes. */
  thaw(): void {
    for (const { pid } of this.processes()) signal(pid, "SIGCONT");
    // What waits outside for a process inside has stopped with it.
    for (const { outerPid, isRunning } of this.#processes) {
      if (isRunning) signal(outerPid, "SIGCONT");
    }
  }

  /** All processes of the host, its first one included. */
  processes(): readonly ProcessView[] {
    return processesOfNamespace(this.#initPid());
  }

  /** Starts a process whose output goes to `<folder>/<name>.log`. */
  start(name: string, command: readonly string[], options: StartOptions = {}): LabProcess {
    const started = new LabProcess({
      name: `${this.name}/${name}`,
      enter: this.enter(),
      command,
      environment: options.environment ?? {},
      logPath: join(this.folder, `${name}.log`),
    });
    this.#processes.push(started);
    return started;
  }

  /** Runs a command on the host to its end: its standard output; throws when it fails. */
  run(command: readonly string[]): Promise<string> {
    return runTool([...this.enter(), ...command]);
  }

  /** Words before a command that make it run on the host. */
  enter(): readonly string[] {
    return ["nsenter", "--target", String(this.#initPid()), ...namespaceFlags, "--"];
  }

  /** Waits until something on the host accepts connections at this port. */
  async listens(port: number, forMsMax = 15_000): Promise<void> {
    await waitFor(`${this.name} to listen on port ${port}`, forMsMax, () => {
      return accepts(this.address, port);
    });
  }

  /** From now on each flush to disk by this process takes so much longer. Needs strace. */
  async slowDisk(slowed: Pick<LabProcess, "pid">, delayMs: number): Promise<void> {
    await this.#slowDisk.slow(await slowed.pid(), delayMs);
  }

  /** Ends what `slowDisk` began. */
  async normalDisk(): Promise<void> {
    await this.#slowDisk.end();
  }

  /** The last lines of what each process said. */
  logTails(): readonly string[] {
    return this.#processes.map((started) => started.tail());
  }

  #initPid(): number {
    assert(this.#power !== undefined, `${this.name} is on`);
    return this.#power.initPid;
  }

  async #renewBootId(): Promise<void> {
    const path = join(this.folder, "boot-id");
    writeFileSync(path, `${randomUUID()}\n`);
    await this.run(["mount", "--bind", path, bootIdPath]);
  }
}

function accepts(address: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host: address, port, timeout: 500 });
  const answer = (is: boolean) => () => {
    socket.destroy();
    resolve(is);
  };
  socket.once("connect", answer(true)).once("timeout", answer(false)).once("error", answer(false));
  return promise;
}
