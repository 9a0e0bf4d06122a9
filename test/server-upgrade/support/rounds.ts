/**
 * Rounds of upgrades on one control plane: in each the acting manager is killed, or all is taken back, while a chosen step
 * is under way; afterwards all is of one version, and services have not noticed.
 */
import assert from "node:assert/strict";
import type { UpgradeStrategy } from "../../../src/core/upgrade/model.ts";
import {
  openWorkshop,
  type PackageWorkshop,
  type TestPackage,
} from "../../agent-upgrade/support/packages.ts";
import {
  answerOf,
  startControlPlane,
  type TestServer,
  until,
} from "../../support/control-plane.ts";
import { openSchemaWorkshop } from "./schema-package.ts";
import { supervise } from "./supervise.ts";
import { Upgrading } from "./upgrading.ts";
import { Witness } from "./witness.ts";
import { ServerWorld } from "./world.ts";

/** `kill`: SIGKILL of the server that is manager. `abort`: a person takes all back. */
type Interruption = "kill" | "abort";

interface Round {
  readonly step: string;
  readonly interruption: Interruption;
}

const shownLinesMax = 100;
const serviceNames = ["nap1", "nap2", "nap3"];
const switches = ["switch 1", "switch 2", "switch 3"];
const stepsOf: Readonly<Record<UpgradeStrategy, readonly string[]>> = {
  rolling: ["check", "prepare", "backup", ...switches, "agents"],
  "stop-all": [
    ...["check", "prepare", "freeze", "settle", "backup", "announce"],
    ...switches,
    ...["migrate", "release", "agents"],
  ],
};

/** Every step with every interruption, in an order of the random numbers. */
export function roundsOf(strategy: UpgradeStrategy, random: () => number): readonly Round[] {
  const interruptions: readonly Interruption[] = ["kill", "abort"];
  return stepsOf[strategy]
    .flatMap((step) => interruptions.map((interruption) => ({ step, interruption })))
    .map((round) => ({ round, place: random() }))
    .sort((left, right) => left.place - right.place)
    .map(({ round }) => round);
}

/** Three servers and two agents with services, and the package of another version; of another schema for `stop-all`. */
export async function startRounds(strategy: UpgradeStrategy): Promise<Rounds> {
  const workshops = [await openWorkshop()];
  if (strategy === "stop-all") workshops.push(await openSchemaWorkshop());
  const installed = workshops[0]?.make("0.1.0");
  const next = workshops.at(-1)?.make("0.2.0");
  assert.ok(installed !== undefined && next !== undefined);
  const { main } = installed;
  const controlPlane = await startControlPlane({
    // A killed server may lead the store: leases have to outlast the election of another one on a busy machine.
    ...{ engine: "etcd", servers: 3, nodes: 2, profile: "balanced" },
    serverWords: [main, "server", "launch"],
    agentWords: [main, "agent", "launch"],
  });
  const world = new ServerWorld(controlPlane, "etcd");
  const witness = new Witness(controlPlane);
  const rounds = new Rounds({ strategy, world, witness, workshops, packages: [installed, next] });
  try {
    await rounds.prepare();
  } catch (error: unknown) {
    await rounds.stop();
    throw error;
  }
  return rounds;
}

interface RoundsParts {
  readonly strategy: UpgradeStrategy;
  readonly world: ServerWorld;
  readonly witness: Witness;
  readonly workshops: readonly PackageWorkshop[];
  /** The one that was installed, and the other one. */
  readonly packages: readonly [TestPackage, TestPackage];
}

export class Rounds {
  readonly upgrading: Upgrading;
  readonly #parts: RoundsParts;
  readonly #endSupervision: () => Promise<void>;
  /** What all servers and agents run. */
  #version: string;

  constructor(parts: RoundsParts) {
    this.#parts = parts;
    this.upgrading = new Upgrading(parts.world);
    this.#version = parts.packages[0].version;
    this.#endSupervision = supervise(parts.world.controlPlane.servers);
  }

  /** Pushes the packages, and waits until the services run. */
  async prepare(): Promise<void> {
    const { world, witness, packages } = this.#parts;
    for (const one of packages) await world.push(one);
    const client = world.controlPlane.client();
    for (const name of serviceNames) answerOf(await client.addService(witness.service(name)));
    await this.#servicesRun();
  }

  /** Plays it; the answer says what happened. */
  async play({ step, interruption }: Round): Promise<string> {
    const { witness, strategy } = this.#parts;
    const before = witness.pids();
    const words =
      interruption === "kill" ? await this.#playKill(step) : await this.#playAbort(step);
    // Two of three servers are away then, and only a stop-all upgrade has made the leases longer before.
    const mayNotice =
      strategy === "rolling" && interruption === "kill" && step.startsWith("switch");
    if (mayNotice) await this.#servicesRun();
    else this.#assertKept(before);
    assert.deepEqual(witness.twice(), [], this.#logs());
    await this.#mayBeChanged();
    const kept = before.filter((pid) => witness.pids().includes(pid)).length;
    return `${words}; ${kept} of ${serviceNames.length} services were kept`;
  }

  /** It comes to its end all the same: to the other version, or back to this one where the schema leaves no other way. */
  async #playKill(step: string): Promise<string> {
    const { upgrading } = this;
    const { strategy, witness } = this.#parts;
    const isReturning = strategy === "stop-all";
    const to = this.#other();
    const before = witness.pids();
    await upgrading.apply({ to, strategy, pauseAfter: isReturning ? ["agents"] : [] });
    await upgrading.untilRuns(step);
    const killed = await upgrading.killManager();
    if (step === "check") await this.#resumeOnceBack(killed);
    await upgrading.untilEnds(isReturning ? "paused" : "done");
    await upgrading.assertAll(to);
    if (isReturning) {
      this.#assertKept(before);
      await upgrading.order("abort");
      await upgrading.untilEnds("aborted");
      await upgrading.assertAll(this.#version);
    } else {
      this.#version = to;
    }
    return `server ${killed.id} was killed`;
  }

  /** The next manager's check may find that the server is away, and stops at that: it says so, and touches nothing. */
  async #resumeOnceBack(killed: TestServer): Promise<void> {
    const { upgrading } = this;
    const { state, detail, steps } = await upgrading.untilState("failed", "done", "paused");
    if (state !== "failed") return;
    assert.match(detail, new RegExp(`^check: ${killed.name}: `));
    const others = steps.filter((each) => each.kind !== "check" && each.state !== "waiting");
    assert.deepEqual(others, []);
    await this.#parts.world.untilVersion(killed, this.#version);
    await upgrading.order("resume");
  }

  async #playAbort(step: string): Promise<string> {
    const { upgrading } = this;
    await upgrading.apply({ to: this.#other(), strategy: this.#parts.strategy });
    await upgrading.untilRuns(step);
    await upgrading.order("abort");
    const { steps } = await upgrading.untilEnds("aborted");
    await upgrading.assertAll(this.#version);
    const undone = steps.filter(({ state }) => state === "undone").map(({ name }) => name);
    return `${undone.join(", ")} were taken back`;
  }

  #other(): string {
    const found = this.#parts.packages.find(({ version }) => version !== this.#version);
    return found?.version ?? "";
  }

  /** The same processes still run. */
  #assertKept(before: readonly number[]): void {
    const now = this.#parts.witness.pids();
    assert.deepEqual(now, before, `the services have noticed\n${this.#logs()}`);
  }

  async #servicesRun(): Promise<void> {
    const { witness } = this.#parts;
    const isSo = (): boolean => witness.pids().length === serviceNames.length;
    await until("all services to run", isSo).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.#logs()}`);
    });
  }

  /** Nothing is left of a freeze, and the store takes writes. */
  async #mayBeChanged(): Promise<void> {
    const client = this.#parts.world.controlPlane.client();
    const { id } = this.#parts.witness.service("nap1");
    const description = `written at ${performance.now()}`;
    const write = async () => await client.changeService(id, { description });
    let last = await write();
    const isWritten = async (): Promise<boolean> => {
      if (!last.ok) last = await write();
      return last.ok;
    };
    await until("a write", isWritten).catch(() => {
      throw new Error(`${JSON.stringify(last)}\n${this.#logs()}`);
    });
  }

  #logs(): string {
    return this.#parts.world.controlPlane.logTails(shownLinesMax);
  }

  async stop(): Promise<void> {
    const { world, witness, workshops } = this.#parts;
    await this.#endSupervision();
    await world.stop();
    witness.remove();
    for (const workshop of workshops) workshop.remove();
  }
}
