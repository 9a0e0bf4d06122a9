/**
 * What clients and services see of an upgrade of the control plane: three real servers with their etcd and two agents,
 * which become another version, server by server or all of them at once.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { UpgradeStrategy } from "../../src/core/upgrade/model.ts";
import { freePort } from "../../src/demo/ports.ts";
import { demoServices } from "../../src/demo/services.ts";
import { askWeb } from "../../src/demo/story.ts";
import {
  openWorkshop,
  type PackageWorkshop,
  type TestPackage,
} from "../agent-upgrade/support/packages.ts";
import type { Scope } from "../e2e/harness/cluster.ts";
import { watchManager } from "../server-upgrade/support/absence.ts";
import { openSchemaWorkshop } from "../server-upgrade/support/schema-package.ts";
import { Upgrading } from "../server-upgrade/support/upgrading.ts";
import { ServerWorld } from "../server-upgrade/support/world.ts";
import { answerOf, startControlPlane, until } from "../support/control-plane.ts";
import { type Outages, watchOutages } from "./upgrade-outages.ts";

export interface UpgradeTimes {
  /** From the order until it is done, agents included. */
  readonly wallMs: number;
  /** How long each step took. */
  readonly steps: Readonly<Record<string, number>>;
  readonly reads: Outages;
  readonly writes: Outages;
  /** Of the worst service. */
  readonly services: Outages;
  /** Processes of services that are not those of before. */
  readonly restarted: number;
  /** The longest time at a time, as clients see it. */
  readonly withoutManagerMs: number;
}

interface Plant {
  readonly world: ServerWorld;
  readonly webUrls: readonly string[];
  readonly packages: readonly TestPackage[];
}

const rollingRounds = 3;
const quietMs = 5_000;
/** A service that is read and written; it does not run. */
const target = "process:target";

/** Rolling upgrades, there and back, on one control plane. */
export async function measureRolling(scope: Scope): Promise<readonly UpgradeTimes[]> {
  const workshop = await openedIn(scope, openWorkshop());
  const packages = [workshop.make("0.1.0"), workshop.make("0.2.0")];
  const plant = await startPlant(scope, packages);
  await sayQuiet(scope, plant);
  const rounds: UpgradeTimes[] = [];
  for (let round = 1; round <= rollingRounds; round += 1) {
    const to = packages[round % packages.length]?.version ?? "";
    const times = await measure(plant, to, "rolling");
    scope.diagnostic(`rolling upgrade to ${to}: ${JSON.stringify(times)}`);
    rounds.push(times);
  }
  return rounds;
}

/** One upgrade to another schema of the store; a string: why the servers do not take it. */
export async function measureStopAll(scope: Scope): Promise<UpgradeTimes | string> {
  const workshop = await openedIn(scope, openWorkshop());
  const other = await openedIn(scope, openSchemaWorkshop());
  const next = other.make("0.2.0");
  const plant = await startPlant(scope, [workshop.make("0.1.0"), next]);
  await sayQuiet(scope, plant);
  const client = plant.world.controlPlane.client();
  const check = answerOf(await client.checkUpgrade(next.version));
  if (check.strategy !== "stop-all") throw new Error(`it is to be ${check.strategy}`);
  const isRefused = await refusal(plant, next.version);
  if (isRefused !== undefined) return isRefused;
  const times = await measure(plant, next.version, "stop-all");
  scope.diagnostic(`stop-all upgrade: ${JSON.stringify(times)}`);
  return times;
}

/** Asks for a plan that cannot be, so that nothing is begun: a server that knows the strategy speaks of the step. */
async function refusal({ world }: Plant, to: string): Promise<string | undefined> {
  const pauseAfter = ["no such step"];
  const client = world.controlPlane.client();
  const answer = await client.applyUpgrade({ to, strategy: "stop-all", pauseAfter });
  if (answer.ok) throw new Error("a plan with a step that does not exist was taken");
  return answer.error.code === "not-supported" ? answer.error.message : undefined;
}

async function openedIn(scope: Scope, opening: Promise<PackageWorkshop>): Promise<PackageWorkshop> {
  const workshop = await opening;
  scope.after(() => Promise.resolve(workshop.remove()));
  return workshop;
}

/** The first package is installed. On each node a service that answers HTTP. */
async function startPlant(scope: Scope, packages: readonly TestPackage[]): Promise<Plant> {
  const main = packages[0]?.main ?? "";
  const controlPlane = await startControlPlane({
    ...{ engine: "etcd", servers: 3, nodes: 2, profile: "balanced" },
    serverWords: [main, "server", "launch"],
    agentWords: [main, "agent", "launch"],
  });
  const world = new ServerWorld(controlPlane, "etcd");
  scope.after(() => world.stop());
  for (const one of packages) await world.push(one);
  const folder = mkdtempSync(join(tmpdir(), "hf-bench-upgrade-"));
  scope.after(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
  const client = controlPlane.client();
  const program = { command: "true" };
  answerOf(await client.addService({ id: target, state: "stopped", process: program }));
  const webUrls: string[] = [];
  for (const { name } of controlPlane.nodes) {
    const webPort = await freePort(0);
    const [web] = demoServices({ mainPath: main, webPort, recordPath: join(folder, "records") });
    if (web === undefined) throw new Error("the demo has a service");
    answerOf(await client.addService({ ...web, id: `process:web-${name}`, node: name }));
    webUrls.push(`http://127.0.0.1:${webPort}/`);
  }
  const areAnswering = async (): Promise<boolean> =>
    (await Promise.all(webUrls.map(askWeb))).every((answer) => answer !== undefined);
  await until("the services to answer", areAnswering);
  return { world, webUrls, packages };
}

type Watches = Pick<UpgradeTimes, "reads" | "writes" | "services">;

/** What the same clients see while nothing happens: so much of the figures is the machine's own noise. */
async function sayQuiet(scope: Scope, plant: Plant): Promise<void> {
  const stop = watchAll(plant);
  await sleep(quietMs);
  scope.diagnostic(`${quietMs / 1_000} s without an upgrade: ${JSON.stringify(await stop())}`);
}

async function measure(plant: Plant, to: string, strategy: UpgradeStrategy): Promise<UpgradeTimes> {
  const { world, webUrls } = plant;
  const upgrading = new Upgrading(world);
  const before = await Promise.all(webUrls.map(askWeb));
  const stopManager = watchManager(world.controlPlane);
  const stop = watchAll(plant);
  const beganAtMs = performance.now();
  await upgrading.apply({ to, strategy });
  const done = await upgrading.untilEnds("done");
  const wallMs = performance.now() - beganAtMs;
  const watches = await stop();
  const withoutManagerMs = await stopManager();
  await upgrading.assertAll(to);
  const after = await Promise.all(webUrls.map(askWeb));
  const restarted = after.filter((web, index) => web?.instance !== before[index]?.instance).length;
  const steps = Object.fromEntries(
    done.steps.map(({ name, beganAtMs = 0, endedAtMs = 0 }) => [name, endedAtMs - beganAtMs]),
  );
  return { wallMs, steps, ...watches, restarted, withoutManagerMs };
}

/** A client that reads, one that writes, and one at each service. */
function watchAll({ world, webUrls }: Plant): () => Promise<Watches> {
  const { controlPlane } = world;
  const [reader, writer] = [controlPlane.client(), controlPlane.client()];
  let count = 0;
  const write = async (): Promise<boolean> => {
    count += 1;
    const description = `written ${count}`;
    return (await writer.changeService(target, { description })).ok;
  };
  const stopReads = watchOutages(async () => (await reader.service(target)).ok);
  const stopWrites = watchOutages(write);
  const stopWebs = webUrls.map((url) =>
    watchOutages(async () => (await askWeb(url)) !== undefined),
  );
  return async () => {
    const [reads, writes] = [await stopReads(), await stopWrites()];
    const webs = await Promise.all(stopWebs.map((stopWeb) => stopWeb()));
    const services = webs.reduce((worst, web) => (web.failedMs > worst.failedMs ? web : worst));
    return { reads, writes, services };
  };
}
