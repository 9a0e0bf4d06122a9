/**
 * Services that bear witness of themselves: each takes a lock that only the end of its process gives back, so that the
 * kernel says whether two copies of one were ever alive together; and writes down each time that it begins.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServiceConfigInput } from "../../../src/wire/service-config.ts";
import type { TestControlPlane } from "../../support/control-plane.ts";

const sleepMark = "98765";
/** Its arguments: the folder, the service's name. */
const script = `exec 9>>"$0/$1.lock"
if flock --nonblock 9; then echo "$1" >>"$0/begun"; else echo "$1 $HOLDFAST_NODE" >>"$0/twice"; fi
exec sleep ${sleepMark}
`;

export class Witness {
  readonly #folder = mkdtempSync(join(tmpdir(), "hf-witness-"));
  readonly #controlPlane: TestControlPlane;

  constructor(controlPlane: TestControlPlane) {
    this.#controlPlane = controlPlane;
  }

  /** The configuration of one that this watches. */
  service(name: string): ServiceConfigInput {
    const process = { command: "/bin/sh", arguments: ["-c", script, this.#folder, name] };
    return { id: `process:${name}`, process };
  }

  /** Their processes on all nodes that are alive now, by number. */
  pids(): readonly number[] {
    return this.#controlPlane.nodes
      .flatMap((node) => node.processes())
      .filter(({ commandLine }) => commandLine.startsWith(`sleep ${sleepMark}`))
      .map(({ pid }) => pid)
      .sort((left, right) => left - right);
  }

  /** How often any of them has begun. */
  beginnings(): number {
    return this.#lines("begun").length;
  }

  /** Services of which two copies were alive at once, and the node of the second: there must be none. */
  twice(): readonly string[] {
    return this.#lines("twice");
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #lines(name: string): readonly string[] {
    try {
      return readFileSync(join(this.#folder, name), "utf8").trimEnd().split("\n");
    } catch {
      return []; // none has written to it
    }
  }
}
