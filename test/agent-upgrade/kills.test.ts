/** SIGKILL of the agent, of its launcher, or of both, at each step of an upgrade: what runs afterwards is the old version or the new one. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../support/control-plane.ts";
import { openWorkshop, type PackageWorkshop } from "./support/packages.ts";
import { startUpgradeWorld, type UpgradeWorld } from "./support/world.ts";

let workshop: PackageWorkshop;
let world: UpgradeWorld;
let supervising = true;
let supervision: Promise<void> = Promise.resolve();

/** Starts the launcher again when it has crashed, as systemd does. */
async function supervise(): Promise<void> {
  while (supervising) {
    const { process: launcher } = world.node;
    if (launcher?.exitCode !== null || launcher.signalCode !== null) {
      if (supervising) world.node.start();
    }
    await sleep(200);
  }
}

before(async () => {
  workshop = await openWorkshop();
  world = await startUpgradeWorld();
  for (const version of ["0.2.0", "0.3.0"]) {
    assert.ok((await world.push(workshop.make(version))).ok);
  }
  supervision = supervise();
});
after(async () => {
  supervising = false;
  await supervision;
  await world.stop();
  workshop.remove();
});

function isWritten(name: string): boolean {
  return existsSync(join(world.node.dataDirectory, "versions", name));
}

/** What the log says since a step's beginning. */
let logFrom = 0;
function says(pattern: RegExp): boolean {
  return pattern.test(world.node.log.slice(logFrom));
}

const downloading = "while it downloads";
const moments: readonly (readonly [string, (to: string) => boolean])[] = [
  [downloading, (to) => isWritten("download.tgz") || isWritten(`.unpack-${to}`)],
  ["when it hands over", () => says(/hands over to version/)],
  ["when the new one has been started", (to) => isOnTrial(to)],
  ["while the new one proves itself", () => says(/is on trial/)],
  ["when the new one is healthy", () => says(/is healthy/)],
];

function isOnTrial(to: string): boolean {
  const { trial } = world.launchState() ?? {};
  return trial?.to === to && trial.phase === "trying" && trial.attempts > 0;
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself in this very moment: that is one of the cases, too.
  }
}

const victims: Readonly<Record<string, () => void>> = {
  "the agent": () => kill(world.agentPid()),
  "the launcher": () => kill(world.node.process?.pid),
  "both at once": () => {
    kill(world.node.process?.pid);
    kill(world.agentPid());
  },
};

/** Soon, as some moments are over in a few milliseconds. */
async function untilMoment(isNow: () => boolean): Promise<void> {
  const giveUpAtMs = performance.now() + 60_000;
  while (!isNow()) {
    assert.ok(
      performance.now() < giveUpAtMs,
      `the moment never came\n${world.controlPlane.logTails()}`,
    );
    await sleep(2);
  }
}

let count = 0;

/** The two versions are kept on the node: only another one is downloaded. */
async function nextVersion(from: string, when: string): Promise<string> {
  if (when !== downloading) return from === "0.2.0" ? "0.3.0" : "0.2.0";
  const fresh = workshop.make(`0.${10 + count}.0`);
  assert.ok((await world.push(fresh)).ok);
  return fresh.version;
}

for (const [when, isNow] of moments) {
  for (const [victim, strike] of Object.entries(victims)) {
    test(`SIGKILL of ${victim} ${when} ends in the old version or the new one`, {
      timeout: 120_000,
    }, async () => {
      const from = await world.agentVersion();
      count += 1;
      const to = await nextVersion(from, when);
      logFrom = world.node.log.length;
      // Each time another content of the policy: what has failed is tried again.
      await world.want({
        agentVersion: to,
        allowDowngrade: true,
        healthyWithinMs: 20_000 + count,
      });
      await untilMoment(() => isNow(to));
      strike();
      const line = await world.untilOver(to);
      assert.ok(line.state !== "failed", line.detail);
      await world.controlPlane.nodeIsOnline("node1");
      const wanted = line.state === "success" ? to : from;
      await until(`version ${wanted} to run`, async () => (await world.agentVersion()) === wanted);
      assert.equal(world.launchState()?.running, wanted === "0.1.0" ? "" : wanted);
      await until("the service to run", () => world.workload() !== undefined);
    });
  }
}
