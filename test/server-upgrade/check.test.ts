/** The check before an upgrade, on real servers: launchers that are missing, one that hangs, one that is ahead already. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { UpgradeCheck } from "../../src/wire/control-plane/upgrades.ts";
import {
  openWorkshop,
  type PackageWorkshop,
  type TestPackage,
} from "../agent-upgrade/support/packages.ts";
import { missingForMembers } from "../server/members/etcdctl.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  until,
} from "../support/control-plane.ts";
import { Upgrading } from "./support/upgrading.ts";
import { type ServerWorld, startServerWorld } from "./support/world.ts";

/** Level, kind and subject of each finding, in order. */
function linesOf({ findings }: UpgradeCheck): readonly string[] {
  return findings.map(({ level, code, subject }) => `${level} ${code} ${subject}`.trim()).sort();
}

describe("a server without a launcher, and a node", () => {
  let plane: TestControlPlane;
  before(async () => {
    plane = await startControlPlane({ engine: "embedded", servers: 1, nodes: 1 });
  });
  after(async () => {
    await plane.stop();
  });

  test("it says so of itself, and how large its store is", { timeout: 60_000 }, async () => {
    const [own] = await plane.list();
    assert.equal(own?.machine?.launcher, "none");
    assert.ok((own?.machine?.storeBytes ?? 0) > 0, JSON.stringify(own?.machine));
    assert.equal(own?.clockOffMs, 0);
  });

  test("it blocks an upgrade, and what agents lack is told", { timeout: 60_000 }, async () => {
    const client = plane.client();
    answerOf(await client.putMaintenance("node1", "on"));
    const check = answerOf(await client.checkUpgrade(undefined));
    assert.deepEqual(linesOf(check), [
      "blocks launcher server1",
      "warns agent-held node1",
      "warns way-back",
    ]);
    assert.equal(check.verdict, "no-go");
  });
});

const skip = missingForMembers();

describe("three servers under launchers", { skip }, () => {
  let workshop: PackageWorkshop;
  let world: ServerWorld;
  let next: TestPackage;
  before(async () => {
    workshop = await openWorkshop();
    const installed = workshop.make("0.1.0");
    world = await startServerWorld({ engine: "etcd", servers: 3, installed });
    next = workshop.make("0.2.0");
    await world.push(next);
  });
  after(async () => {
    await world.stop();
    workshop.remove();
  });
  const check = async (to: string | undefined): Promise<UpgradeCheck> =>
    answerOf(await world.controlPlane.client(world.server).checkUpgrade(to));

  test("nothing is found, and each says how large its store is", { timeout: 60_000 }, async () => {
    assert.deepEqual(linesOf(await check("0.2.0")), []);
    for (const { machine } of await world.controlPlane.list()) {
      assert.equal(machine?.launcher, "alive");
      assert.ok((machine?.storeBytes ?? 0) > 0, JSON.stringify(machine));
    }
  });

  test("while one hangs, the clocks of the others are right", { timeout: 60_000 }, async () => {
    const third = world.at(2);
    third.freeze();
    try {
      const found = await check("0.2.0");
      assert.deepEqual(linesOf(found), ["blocks server-not-well server3"]);
      const lines = await world.controlPlane.list(world.server);
      for (const { clockOffMs = 0 } of lines) assert.ok(Math.abs(clockOffMs) < 100);
    } finally {
      third.thaw();
    }
    await world.controlPlane.allServe();
  });

  test("one that runs the new version already is no hindrance", { timeout: 180_000 }, async () => {
    const second = world.at(1);
    const { version, sha256 } = next;
    await world.order(second, { id: "o1", order: "switch", package: { version, sha256 } });
    await world.untilVersion(second, "0.2.0");
    await world.controlPlane.allServe();
    const found = await check("0.2.0");
    assert.deepEqual(linesOf(found), ["warns versions"]);
    assert.deepEqual([found.verdict, found.from, found.to], ["go", "0.1.0", "0.2.0"]);
  });

  test("such an upgrade brings the others along", { timeout: 300_000 }, async () => {
    const upgrading = new Upgrading(world);
    await upgrading.apply({ to: "0.2.0" });
    await upgrading.untilEnds("done");
    for (const server of world.controlPlane.servers) {
      assert.equal(await world.version(server), "0.2.0");
    }
  });

  test("one whose launcher has died blocks it", { timeout: 60_000 }, async () => {
    const third = world.at(2);
    third.process?.kill("SIGKILL");
    await until("the check to see it", async () => {
      return linesOf(await check(undefined)).includes("blocks launcher-lost server3");
    });
  });
});
