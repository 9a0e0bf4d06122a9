/**
 * A laboratory of hosts on one machine: one switch, hosts with power and disk, faults of network and disk. Made
 * inside namespaces of its own (lab-test.ts), so that nothing of the machine is touched and nothing outlives it.
 */
import assert from "node:assert/strict";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTool } from "./command.ts";
import { Host } from "./host.ts";
import { type Direction, type Fault, LabNetwork, testSide } from "./network.ts";

/** A host by its name; with `diskBytes` its `disk` is a small one of its own. */
export type HostSpec = string | { readonly name: string; readonly diskBytes: number };

export interface LabOptions {
  readonly hosts: readonly HostSpec[];
  /** The lab's own, empty; hosts have folders in it. */
  readonly directory: string;
}

/** Another host, `"test"` for the test process, or `"all"` for all other hosts (and not the test). */
export type Peer = string;

export interface FaultOptions {
  /** As the first host sees it; default: both. */
  readonly direction?: Direction;
}

export class Lab {
  readonly directory: string;
  readonly hosts: readonly Host[];
  readonly #network: LabNetwork;

  constructor(directory: string, hosts: readonly Host[], network: LabNetwork) {
    this.directory = directory;
    this.hosts = hosts;
    this.#network = network;
  }

  host(name: string): Host {
    const found = this.hosts.find((host) => host.name === name);
    assert(found !== undefined, `no host "${name}" in this lab`);
    return found;
  }

  /** From now on nothing passes between `from` and `peer`, in silence, until it is mended. */
  cut(from: string, peer: Peer, options: FaultOptions = {}): Promise<Fault> {
    return this.#break(from, peer, { ...options, lossPercent: 100 });
  }

  /** From now on each frame is lost by chance. */
  lose(
    from: string,
    peer: Peer,
    options: FaultOptions & { readonly lossPercent: number },
  ): Promise<Fault> {
    return this.#break(from, peer, options);
  }

  /** The network is whole again. */
  mendAll(): Promise<void> {
    return this.#network.mendAll();
  }

  /** Says something to whoever reads the test's output. */
  say(line: string): void {
    console.log(line);
  }

  /** The last lines of what each process of each host said. */
  logTails(): readonly string[] {
    return this.hosts.flatMap((host) => host.logTails());
  }

  /** Cuts every host's power. */
  async end(): Promise<void> {
    for (const host of this.hosts) if (host.isOn) await host.kill();
  }

  #break(
    from: string,
    peer: Peer,
    options: FaultOptions & { readonly lossPercent: number },
  ): Promise<Fault> {
    const others = this.hosts.map(({ name }) => name).filter((name) => name !== from);
    assert(peer === "all" || peer === testSide || others.includes(peer), `a peer of ${from}`);
    const { direction = "both", lossPercent } = options;
    const to = peer === "all" ? others : [peer];
    return this.#network.break({ from: this.host(from).name, to, direction, lossPercent });
  }
}

/** Makes the switch and the hosts, all powered on. Works only inside a lab's namespaces. */
export async function createLab({ hosts: specs, directory }: LabOptions): Promise<Lab> {
  const network = new LabNetwork(specs.map(nameOf));
  await network.setUp();
  const hosts: Host[] = [];
  for (const spec of specs) {
    const folder = join(directory, nameOf(spec));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const host = new Host(nameOf(spec), folder, network);
    if (typeof spec !== "string") await mountSmallDisk(host.disk, spec.diskBytes);
    await host.powerOn();
    hosts.push(host);
  }
  return new Lab(directory, hosts, network);
}

/** Fills the disk that `path` lies on to its last byte; removing the file makes room again. */
export function fillDisk(path: string): void {
  writeFileSync(path, "");
  for (let chunkBytes = 1_048_576; chunkBytes >= 1; chunkBytes = Math.floor(chunkBytes / 4)) {
    for (;;) {
      const before = statSync(path).size;
      try {
        writeFileSync(path, Buffer.alloc(chunkBytes), { flag: "a" });
      } catch (error: unknown) {
        assert.match(String(error), /ENOSPC/);
        break;
      }
      if (statSync(path).size === before) break;
    }
  }
}

/** In the lab's mount namespace, before the hosts take copies of it: it keeps its files over power cuts. */
async function mountSmallDisk(path: string, sizeBytes: number): Promise<void> {
  await runTool(["mount", "-t", "tmpfs", "-o", `size=${sizeBytes},mode=0700`, "lab-disk", path]);
}

function nameOf(spec: HostSpec): string {
  return typeof spec === "string" ? spec : spec.name;
}
