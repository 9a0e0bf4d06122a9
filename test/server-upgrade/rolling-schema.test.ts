/**
 * An upgrade to a version whose other schema both versions understand: the records are changed while all servers serve and
 * people work, and the way back keeps what they wrote.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { keys } from "../../src/wire/records.ts";
import { openWorkshop, type PackageWorkshop } from "../agent-upgrade/support/packages.ts";
import { missingForMembers } from "../server/members/etcdctl.ts";
import { answerOf, startControlPlane, until } from "../support/control-plane.ts";
import { fillCluster, inventory, login } from "./support/inventory.ts";
import { addedField, openSchemaWorkshop, schemaAfter } from "./support/schema-package.ts";
import { Upgrading } from "./support/upgrading.ts";
import { Witness } from "./support/witness.ts";
import { ServerWorld } from "./support/world.ts";
import { startWriters, type Writing } from "./support/writers.ts";

const skip = missingForMembers();

describe("three servers and two nodes that go over to a schema which both versions understand", {
  skip,
}, () => {
  const workshops: PackageWorkshop[] = [];
  let world: ServerWorld;
  let witness: Witness;
  let upgrading: Upgrading;

  before(async () => {
    workshops.push(await openWorkshop(), await openSchemaWorkshop("rolling"));
    const [old, other] = workshops;
    assert.ok(old !== undefined && other !== undefined);
    const installed = old.make("0.1.0");
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
    await world.push(other.make("0.2.0"));
    await fillCluster(controlPlane.client(), witness);
    await until("the services to run", async () => witness.pids().length === 2);
  });
  after(async () => {
    await world.stop();
    witness.remove();
    for (const workshop of workshops) workshop.remove();
  });

  const client = () => world.controlPlane.client();
  const logs = (): string => world.controlPlane.logTails();
  const storedSchema = async (): Promise<number> => answerOf(await client().storeSchema()).stored;
  /** Of services, by whether their entries have the field that the new schema adds. */
  const servicesStored = (): Promise<{ readonly noted: string[]; readonly plain: string[] }> =>
    world.withStore(async (store) => {
      const read = await store.range(keys.services);
      assert.ok(read.ok);
      const ids = (isNoted: boolean): string[] =>
        read.value.entries
          .filter(({ value }) => JSON.stringify(value).includes(`"${addedField}"`) === isNoted)
          .map(({ key }) => key.slice(keys.services.length));
      return { noted: ids(true), plain: ids(false) };
    });
  const assertWritten = async (writing: Writing): Promise<void> => {
    assert.deepEqual(writing.hopeless, [], logs());
    assert.ok(writing.acknowledged.length > 0, "somebody has written");
    const there = new Set(answerOf(await client().services()).items.map(({ id }) => id));
    const lost = writing.acknowledged.filter((id) => !there.has(id));
    assert.deepEqual(lost, [], "what was acknowledged is there");
  };

  test("taken back, what nobody has touched is as before, and what was written since stays", {
    timeout: 300_000,
  }, async () => {
    const check = answerOf(await client().checkUpgrade("0.2.0"));
    assert.deepEqual([check.verdict, check.strategy], ["go", "rolling"], JSON.stringify(check));
    assert.deepEqual(check.schema, { from: 1, to: schemaAfter });
    const pids = witness.pids();
    const nap = "process:nap2";
    await upgrading.apply({ to: "0.2.0", pauseAfter: ["agents"] });
    await upgrading.untilEnds("paused");
    await upgrading.assertAll("0.2.0");
    assert.equal(await storedSchema(), schemaAfter);
    const migrated = await servicesStored();
    assert.deepEqual([migrated.noted.length, migrated.plain], [3, []]);
    assert.equal(answerOf(await client().freezeState()).frozen, false);
    // The cluster is at work: the manager decides about one service, people add and change others.
    answerOf(await client().changeService("process:rest", { state: "started" }));
    await until("the service to begin", async () => witness.pids().length === 3);
    const begun = witness.pids();
    assert.ok(
      pids.every((pid) => begun.includes(pid)),
      `the services have noticed\n${logs()}`,
    );
    answerOf(await client().changeService(nap, { description: "changed since" }));
    answerOf(await client().addService({ ...witness.service("late"), state: "stopped" }));
    await until("all to be decided", async () => {
      const { items } = answerOf(await client().services());
      return items.every(({ state, running }) => {
        return running === (state === "started" ? "running" : "stopped");
      });
    });
    const seen = await inventory(client());
    await upgrading.order("abort");
    await upgrading.untilEnds("aborted");
    await upgrading.assertAll("0.1.0");
    assert.equal(await storedSchema(), 1);
    assert.deepEqual(await inventory(client()), seen);
    assert.deepEqual([witness.pids(), witness.twice()], [begun, []], logs());
    const back = await servicesStored();
    assert.ok(back.plain.includes("process:nap1"), "nobody has touched it");
    assert.equal(back.noted.length + back.plain.length, 4);
    await login(client());
  });

  test("under writes it comes to its end, and neither writers nor services notice", {
    timeout: 300_000,
  }, async () => {
    const pids = witness.pids();
    const stopWriters = startWriters(world.controlPlane);
    await upgrading.apply({ to: "0.2.0" });
    await upgrading.untilEnds("done");
    await assertWritten(await stopWriters());
    await upgrading.assertAll("0.2.0");
    assert.equal(await storedSchema(), schemaAfter);
    const { noted } = await servicesStored();
    assert.ok(noted.length >= 4, noted.join());
    assert.deepEqual([witness.pids(), witness.twice()], [pids, []], logs());
    for (const node of ["node1", "node2"]) {
      const { items } = answerOf(await client().events({ subject: node }));
      assert.ok(items.length > 0, "it has come online once");
      // An agent that is replaced gives its lease back, and takes another one.
      const lost = items.filter(({ to }) => to === "fence" || to === "gone");
      assert.deepEqual(lost, [], node);
    }
  });
});
