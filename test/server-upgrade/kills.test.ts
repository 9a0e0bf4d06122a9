/** SIGKILL of the server, of its launcher, or of both, at each step of a switch: what serves afterwards is the old version or the new one. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openWorkshop, type PackageWorkshop } from "../agent-upgrade/support/packages.ts";
import { missingForMembers } from "../server/members/etcdctl.ts";
import { until } from "../support/control-plane.ts";
import { supervise } from "./support/supervise.ts";
import { type ServerWorld, startServerWorld } from "./support/world.ts";

const downloading = "while it downloads";

describe("a server whose switch is cut off", { skip: missingForMembers() }, () => {
  let workshop: PackageWorkshop;
  let world: ServerWorld;
  let endSupervision: () => Promise<void>;
  let running = "0.1.0";
  let count = 0;
  /** What the log says since a step's beginning. */
  let logFrom = 0;

  before(async () => {
    workshop = await openWorkshop();
    const installed = workshop.make("0.1.0");
    world = await startServerWorld({ engine: "etcd", servers: 1, installed });
    endSupervision = supervise([world.server]);
  });
  after(async () => {
    await endSupervision();
    await world.stop();
    workshop.remove();
  });

  const isWritten = (name: string): boolean =>
    existsSync(join(world.server.dataDirectory, "versions", name));
  const says = (pattern: RegExp): boolean => pattern.test(world.server.log.slice(logFrom));
  const isOnTrial = (to: string): boolean => {
    const trial = world.trial(world.server);
    return trial?.to === to && trial.phase === "trying" && trial.attempts > 0;
  };

  const moments: readonly (readonly [string, (to: string) => boolean])[] = [
    [downloading, (to) => isWritten("download.tgz") || isWritten(`.unpack-${to}`)],
    ["when it hands over", () => says(/hands over to version/)],
    ["when the new one has been started", (to) => isOnTrial(to)],
    ["while the new one proves itself", () => says(/is on trial/)],
    ["when the new one is healthy", () => says(/is healthy/)],
  ];

  const kill = (pid: number | undefined): void => {
    if (pid === undefined) return;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself in this very moment: that is one of the cases, too.
    }
  };
  const victims: Readonly<Record<string, () => void>> = {
    "the server": () => kill(world.serverPid(world.server)),
    "the launcher": () => kill(world.server.process?.pid),
    "both at once": () => {
      kill(world.server.process?.pid);
      kill(world.serverPid(world.server));
    },
  };

  /** Soon, as some moments are over in a few milliseconds. */
  const untilMoment = async (isNow: () => boolean): Promise<void> => {
    const giveUpAtMs = performance.now() + 60_000;
    while (!isNow()) {
      const isLate = performance.now() >= giveUpAtMs;
      assert.ok(!isLate, `the moment never came\n${world.controlPlane.logTails()}`);
      await sleep(2);
    }
  };

  for (const [when, isNow] of moments) {
    for (const [victim, strike] of Object.entries(victims)) {
      test(`SIGKILL of ${victim} ${when} ends in the old version or the new one`, {
        timeout: 120_000,
      }, async () => {
        const { server } = world;
        count += 1;
        const { version: to, sha256, ...rest } = workshop.make(`0.${count + 1}.0`);
        // After a kill its launcher may have found the server to be nobody's, and start it once more.
        const push = () => world.push({ ...rest, version: to, sha256 });
        const isPushed = () =>
          push().then(
            () => true,
            () => false,
          );
        await until(`the package of ${to} to be there`, isPushed);
        logFrom = server.log.length;
        const id = `o${count}`;
        await world.order(server, { id, order: "switch", package: { version: to, sha256 } });
        await untilMoment(() => isNow(to));
        strike();
        const report = await world.untilOver(server, id);
        assert.ok(report.state !== "failed", report.detail);
        const wanted = report.state === "healthy" ? to : running;
        await world.untilVersion(server, wanted);
        assert.equal(report.serverVersion, wanted);
        running = wanted;
      });
    }
  }
});
