/**
 * An upgrade to a version that wants another schema of the store: all servers wait while it is migrated, services run on;
 * and the way back, with the data of before.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { keys, leaseRecordSchema } from "../../src/wire/records.ts";
import {
  openWorkshop,
  type PackageWorkshop,
  type TestPackage,
} from "../agent-upgrade/support/packages.ts";
import { missingForMembers } from "../server/members/etcdctl.ts";
import { answerOf, startControlPlane, until } from "../support/control-plane.ts";
import { watchManager } from "./support/absence.ts";
import { fillCluster, inventory, login } from "./support/inventory.ts";
import { openSchemaWorkshop, schemaAfter, workloadKeys } from "./support/schema-package.ts";
import { Upgrading } from "./support/upgrading.ts";
import { Witness } from "./support/witness.ts";
import { ServerWorld, startServerWorld } from "./support/world.ts";

const skip = missingForMembers();

describe("three servers and two nodes that go over to another schema", { skip }, () => {
  const workshops: PackageWorkshop[] = [];
  let installed: TestPackage;
  let next: TestPackage;
  let world: ServerWorld;
  let witness: Witness;
  let upgrading: Upgrading;

  before(async () => {
    workshops.push(await openWorkshop(), await openSchemaWorkshop());
    const [old, other] = workshops;
    assert.ok(old !== undefined && other !== undefined);
    installed = old.make("0.1.0");
    next = other.make("0.2.0");
    const { main } = installed;
    const controlPlane = await startControlPlane({
      // Services keep their processes: leases have to outlast an election of the store on a busy machine.
      ...{ engine: "etcd", servers: 3, nodes: 2, profile: "balanced" },
      serverWords: [main, "server", "launch"],
      agentWords: [main, "agent", "launch"],
    });
    world = new ServerWorld(controlPlane, "etcd");
    witness = new Witness(controlPlane);
    upgrading = new Upgrading(world);
    await world.push(installed);
    await fillCluster(controlPlane.client(), witness);
    await until("the services to run", servicesRun);
  });
  after(async () => {
    await world.stop();
    witness.remove();
    for (const workshop of workshops) workshop.remove();
  });

  const client = () => world.controlPlane.client();
  const servicesRun = async (): Promise<boolean> => {
    const { items } = answerOf(await client().services());
    return items
      .filter(({ requested }) => requested === "started")
      .every(({ state, running }) => state === "started" && running === "running");
  };
  const storedSchema = async (): Promise<readonly number[]> => {
    const { stored, wanted } = answerOf(await client().storeSchema());
    return [stored, wanted];
  };
  const keysBelow = (prefix: string): Promise<readonly string[]> =>
    world.withStore(async (store) => {
      const read = await store.range(prefix);
      assert.ok(read.ok);
      return read.value.entries.map(({ key }) => key);
    });
  /** Of the nodes' leases, in ms. */
  const lives = (): Promise<readonly unknown[]> =>
    world.withStore(async (store) => {
      const read = await store.range(keys.leases);
      assert.ok(read.ok);
      return read.value.entries.map(({ value }) => leaseRecordSchema.parse(value).times);
    });
  const logs = (): string => world.controlPlane.logTails();

  interface Seen {
    readonly pids: readonly number[];
    readonly inventory: unknown;
    readonly lives: readonly unknown[];
    readonly events: number;
  }
  const look = async (): Promise<Seen> => ({
    pids: witness.pids(),
    inventory: await inventory(client()),
    lives: await lives(),
    events: Number(answerOf(await client().events({ limit: 1 })).items[0]?.revision),
  });
  /** All is there as it was, and nobody has noticed. */
  const assertAsBefore = async (before: Seen): Promise<void> => {
    assert.deepEqual(witness.pids(), before.pids, `the services have noticed\n${logs()}`);
    assert.deepEqual(witness.twice(), []);
    assert.deepEqual(await inventory(client()), before.inventory);
    assert.equal(answerOf(await client().freezeState()).frozen, false);
    await until("the leases to have their usual life", async () => {
      return JSON.stringify(await lives()) === JSON.stringify(before.lives);
    });
    const { items } = answerOf(await client().events({ limit: 500 }));
    const fenced = items
      .filter(({ kind, revision }) => kind === "node" && revision > before.events)
      .filter(({ to }) => to === "fence" || to === "gone");
    assert.deepEqual(fenced, []);
    await login(client());
  };
  const writeSomething = async (description: string): Promise<void> => {
    answerOf(await client().changeService("process:rest", { description }));
  };

  test("the check says that all servers will wait", { timeout: 60_000 }, async () => {
    await world.push(next);
    const check = answerOf(await client().checkUpgrade("0.2.0"));
    assert.deepEqual([check.verdict, check.strategy], ["go", "stop-all"], JSON.stringify(check));
    assert.deepEqual(check.schema, { from: 1, to: schemaAfter });
    const rolling = await client().applyUpgrade({ to: "0.2.0", strategy: "rolling" });
    assert.ok(!rolling.ok && /stop-all/.test(rolling.error.message), JSON.stringify(rolling));
  });

  test("taken back once the store is migrated, the old version finds all as it was", {
    timeout: 300_000,
  }, async () => {
    const before = await look();
    await upgrading.apply({ to: "0.2.0", pauseAfter: ["migrate"] });
    await upgrading.untilEnds("paused");
    await until("the new version to serve", async () => (await client().storeSchema()).ok);
    assert.deepEqual(await storedSchema(), [schemaAfter, schemaAfter]);
    assert.deepEqual(await keysBelow("services/"), []);
    assert.equal((await keysBelow(workloadKeys.services)).length, 3);
    const refused = await client().changeService("process:rest", { description: "too early" });
    assert.ok(!refused.ok && refused.error.code === "frozen", JSON.stringify(refused));
    await upgrading.order("abort");
    await upgrading.untilEnds("aborted");
    await upgrading.assertAll("0.1.0");
    assert.deepEqual(await storedSchema(), [1, 1]);
    await assertAsBefore(before);
    assert.deepEqual(await keysBelow("workload"), []);
    assert.equal((await keysBelow("services/")).length, 3);
    await writeSomething("after an abort");
  });

  test("taken back from its very end, what was changed since is gone, and nothing else", {
    timeout: 300_000,
  }, async () => {
    const before = await look();
    await upgrading.apply({ to: "0.2.0", pauseAfter: ["agents"] });
    await upgrading.untilEnds("paused");
    await upgrading.assertAll("0.2.0");
    await assertAsBefore(before);
    const late = { ...witness.service("late"), state: "stopped" as const };
    answerOf(await client().addService(late));
    answerOf(await client().putGroup({ name: "late", nodes: [{ node: "node1" }] }, "new"));
    await writeSomething("in the new shape");
    await upgrading.order("abort");
    await upgrading.untilEnds("aborted");
    await upgrading.assertAll("0.1.0");
    assert.deepEqual(await storedSchema(), [1, 1]);
    await assertAsBefore(before);
    await writeSomething("after another abort");
  });

  test("told by the command line, all of it becomes the new version, and services run on", {
    timeout: 300_000,
  }, async (t) => {
    const before = await look();
    const noManager = watchManager(world.controlPlane);
    const beganAtMs = performance.now();
    const applied = await commandLine(installed, ["upgrade", "apply", "--to", next.path]);
    const tookMs = performance.now() - beganAtMs;
    const absentMs = await noManager();
    assert.equal(applied.code, 0, `${applied.output}\n${logs()}`);
    await upgrading.assertAll("0.2.0");
    await assertAsBefore(before);
    const upgrade = await upgrading.now();
    assert.deepEqual([upgrade?.strategy, upgrade?.state], ["stop-all", "done"]);
    const schema = await commandLine(next, ["server", "schema", "-o", "json"]);
    assert.match(schema.output, /"stored": ?2,/);
    await writeSomething("in the new life");
    const { pids } = before;
    assert.deepEqual(witness.pids(), pids);
    t.diagnostic(
      `${Math.round(tookMs)} ms in all, without a manager for ${Math.round(absentMs)} ms; ${pids.length} services kept their processes`,
    );
  });

  test("there is no way back to a version that cannot read the store", {
    timeout: 60_000,
  }, async () => {
    const refused = await client().applyUpgrade({ to: "0.1.0" });
    assert.ok(!refused.ok, "it is refused");
    assert.match(refused.error.message, /the store has schema 2, and holdfast 0\.1\.0 knows 1/);
  });

  /** Runs `holdfast` of a package as the admin. */
  const commandLine = async (
    { main }: TestPackage,
    words: readonly string[],
  ): Promise<{ readonly code: number | null; readonly output: string }> => {
    const { token, folder, servers } = world.controlPlane;
    const env = {
      ...process.env,
      HOLDFAST_SERVER: servers[0]?.url,
      HOLDFAST_TOKEN: token,
      HOLDFAST_CA: join(folder, "server1/pki/ca.crt"),
    };
    const child = spawn(process.execPath, [main, ...words], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [code, out, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { code, output: `${out}${errors}` };
  };
});

describe("the only server, which goes over to another schema", () => {
  test("migrates its store, serves it, and goes back with the data of before", {
    timeout: 300_000,
  }, async () => {
    const workshops = [await openWorkshop(), await openSchemaWorkshop()] as const;
    const installed = workshops[0].make("0.1.0");
    const next = workshops[1].make("0.2.0");
    const world = await startServerWorld({ engine: "embedded", servers: 1, installed });
    try {
      const upgrading = new Upgrading(world);
      const client = world.controlPlane.client();
      await world.push(next);
      const rest = { id: "process:rest", state: "stopped" as const, process: { command: "true" } };
      answerOf(await client.addService(rest));
      const listed = async () =>
        answerOf(await client.services()).items.map(({ id, config }) => ({ id, config }));
      const before = await listed();
      await upgrading.apply({ to: "0.2.0", pauseAfter: ["release"] });
      await upgrading.untilEnds("paused");
      await upgrading.assertAll("0.2.0");
      assert.equal(answerOf(await client.storeSchema()).stored, schemaAfter);
      assert.deepEqual(await listed(), before);
      await upgrading.order("abort");
      await upgrading.untilEnds("aborted");
      await upgrading.assertAll("0.1.0");
      assert.equal(answerOf(await client.storeSchema()).stored, 1);
      assert.deepEqual(await listed(), before);
      answerOf(await client.changeService(rest.id, { description: "usable" }));
      await upgrading.apply({ to: "0.2.0" });
      await upgrading.untilEnds("done");
      assert.equal(answerOf(await client.storeSchema()).stored, schemaAfter);
      assert.equal((await listed()).length, 1);
    } finally {
      await world.stop();
      for (const workshop of workshops) workshop.remove();
    }
  });
});
