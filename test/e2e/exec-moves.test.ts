/**
 * Commands beside a service that moves, and whose node or server loses its power: whoever called gets one line and the
 * exit code 125, nothing stays behind, and the next command runs where the service is then.
 */
import assert from "node:assert/strict";
import { isThere, newMark } from "../exec/world.ts";
import { ControlPlane } from "../lab/control-plane/control-plane.ts";
import type { Host } from "../lab/host.ts";
import { labTest } from "../lab/lab-test.ts";
import { type BegunCommand, beginHoldfast, holdfast } from "../setup/support/command.ts";
import { value } from "./harness/cluster.ts";
import { waitFor } from "./harness/wait.ts";

const id = "process:a";
/** Ten seconds of silence, looked for once a second, and a machine that is busy with other things. */
const toldMsMax = 18_000;
const movedMsMax = 30_000;

labTest(
  "exec: the service moves, its node and then the server lose their power",
  {
    file: import.meta.filename,
    hosts: ["s1", "n1", "n2"],
    programs: ["etcd", "etcdctl"],
    forMsMax: 120_000,
  },
  async (lab) => {
    const plane = await ControlPlane.start(lab, {
      ...{ servers: ["s1"], nodes: ["n1", "n2"] },
      profile: "balanced",
    });
    const [n1, n2] = [lab.host("n1"), lab.host("n2")];
    await plane.addProbes([id], n1);
    assert.equal(await runsOn(plane), "n1");

    const moved = await Stubborn.begin(plane);
    value(await plane.client().command(id, { command: "migrate", target: "n2" }));
    await moved.isCutShort(/process:a was stopped on this node, or has ended, meanwhile/);
    await moved.isGone();
    assert.equal(await runsOn(plane), "n2", "right after the move");

    const lost = await Stubborn.begin(plane);
    await n2.kill();
    await lost.isCutShort(/the agent of node "n2" was lost, or this server ends/);
    assert.equal(await runsOn(plane, n2), "n1", "where it was started anew");

    const deserted = await Stubborn.begin(plane);
    await lab.host("s1").kill();
    await deserted.isCutShort(/lost https:\/\/\S+: .*; the command was ended/);
    await deserted.isGone();
    plane.witness.assertNeverTwice();
  },
);

/** A command that runs on and on and takes no hint. */
class Stubborn {
  readonly #mark: string;
  readonly #begun: BegunCommand;

  private constructor(mark: string, begun: BegunCommand) {
    this.#mark = mark;
    this.#begun = begun;
  }

  /** Resolves when it runs. */
  static async begin(plane: ControlPlane): Promise<Stubborn> {
    const mark = newMark();
    const script = "trap '' TERM INT HUP; echo up; while :; do sleep 1; done";
    const words = ["exec", id, "--timeout", "10m", "--", "sh", "-c", script, mark];
    const begun = beginHoldfast(words, plane.commandEnvironment());
    let out = "";
    begun.child.stdout?.on("data", (bytes: Buffer) => {
      out += bytes.toString("utf8");
    });
    await waitFor("the command to run", toldMsMax, () => out === "up\n");
    assert.ok(isThere(mark), "the search itself works");
    return new Stubborn(mark, begun);
  }

  /** In time, with one line of this sense. */
  async isCutShort(line: RegExp): Promise<void> {
    const { child, outcome } = this.#begun;
    const fromMs = performance.now();
    const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
    await waitFor("the caller to be told", toldMsMax, isOver);
    const { code, stderr } = await outcome;
    assert.equal(code, 125, stderr);
    assert.match(stderr, line);
    assert.equal(stderr.trimEnd().split("\n").length, 1, `one line: ${stderr}`);
    console.log(`told after ${(performance.now() - fromMs).toFixed()} ms: ${stderr.trim()}`);
  }

  async isGone(): Promise<void> {
    await waitFor("the command to be dead", toldMsMax, () => !isThere(this.#mark));
  }
}

/**
 * The host on which a command runs, as that host says; asked again while there is none. Each refusal is one line, and
 * none takes the other host for it.
 */
async function runsOn(plane: ControlPlane, off?: Host): Promise<string> {
  return waitFor("a command to run beside the service", movedMsMax, async () => {
    const ran = await holdfast(["exec", id, "--", "hostname"], plane.commandEnvironment());
    if (ran.code === 0) return ran.stdout.trim();
    assert.equal(ran.code, 125, ran.stderr);
    assert.equal(ran.stderr.trimEnd().split("\n").length, 1, `one line: ${ran.stderr}`);
    console.log(`${off === undefined ? "" : `${off.name} is off: `}${ran.stderr.trim()}`);
    return undefined;
  });
}
