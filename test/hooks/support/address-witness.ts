/** Proves that at no instant two hosts of a lab had one address, and says who has it and since when. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { waitFor } from "../../e2e/harness/wait.ts";
import type { Host } from "../../lab/host.ts";

const probePath = join(import.meta.dirname, "address-probe.ts");

/** A host had the address at least from the first to the last look that saw it. */
interface Holding {
  readonly host: string;
  readonly fromNs: bigint;
  toNs: bigint | undefined;
}

export class AddressWitness {
  readonly #address: string;
  readonly #holdings: Holding[] = [];
  readonly #probes = new Map<Host, ChildProcess>();

  constructor(address: string) {
    this.#address = address;
  }

  /** Looks at the host's network from now on; once for each time that its power comes on. */
  watch(host: Host): void {
    this.#probes.get(host)?.kill("SIGKILL");
    this.#lose(host.name, process.hrtime.bigint());
    // Not among the host's processes: a host that stands still is looked at all the same.
    const enter = host.enter().slice(0, 3);
    const child = spawn(
      enter[0] ?? "",
      [...enter.slice(1), "--net", "--", process.execPath, probePath, this.#address],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    this.#probes.set(host, child);
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(host.name, line);
    });
  }

  /** The host's power is off: what it had is gone with it. */
  forget(host: Host): void {
    this.#probes.get(host)?.kill("SIGKILL");
    this.#probes.delete(host);
    this.#lose(host.name, process.hrtime.bigint());
  }

  /** Who has it now. */
  holder(): string | undefined {
    return this.#holdings.find(({ toNs }) => toNs === undefined)?.host;
  }

  /** Waits until one of these has it; its name. */
  async heldBy(among: readonly Host[], forMsMax = 30_000): Promise<Host> {
    const names = among.map(({ name }) => name).join();
    return waitFor(`one of ${names} to have ${this.#address}`, forMsMax, () => {
      return among.find(({ name }) => name === this.holder());
    });
  }

  assertNeverTwice(): void {
    const sorted = this.#holdings.toSorted((left, right) => Number(left.fromNs - right.fromNs));
    for (const [index, later] of sorted.entries()) {
      for (const earlier of sorted.slice(0, index)) {
        const isOver = earlier.toNs !== undefined && earlier.toNs < later.fromNs;
        assert.ok(
          isOver || earlier.host === later.host,
          `${earlier.host} and ${later.host} had ${this.#address} at once`,
        );
      }
    }
    assert.ok(sorted.length > 1, "it has moved");
  }

  end(): void {
    for (const probe of this.#probes.values()) probe.kill("SIGKILL");
  }

  #take(host: string, line: string): void {
    const [word, ns = "0"] = line.split(" ");
    if (word === "seen") this.#holdings.push({ host, fromNs: BigInt(ns), toNs: undefined });
    else this.#lose(host, BigInt(ns));
  }

  #lose(host: string, atNs: bigint): void {
    for (const holding of this.#holdings) {
      if (holding.host === host) holding.toNs ??= atNs;
    }
  }
}
