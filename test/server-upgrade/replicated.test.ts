/** One of three servers after the other replaces its own program under a stream of writes; what was written stays written. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { serverReportRecordSchema } from "../../src/wire/packages/server-upgrades.ts";
import { keys, managerRecordSchema } from "../../src/wire/records.ts";
import { openWorkshop, type PackageWorkshop } from "../agent-upgrade/support/packages.ts";
import { missingForMembers } from "../server/members/etcdctl.ts";
import { answerOf, type TestServer, until } from "../support/control-plane.ts";
import { type ServerWorld, startServerWorld } from "./support/world.ts";
import { startWriters, type Writing } from "./support/writers.ts";

const skip = missingForMembers();

describe("one of three servers", { skip }, () => {
  let workshop: PackageWorkshop;
  let world: ServerWorld;
  let sha256: string;
  const said: string[] = [];
  const listening = new AbortController();
  let listener: Promise<void> = Promise.resolve();

  before(async () => {
    workshop = await openWorkshop();
    world = await startServerWorld({
      engine: "etcd",
      servers: 3,
      installed: workshop.make("0.1.0"),
    });
    const next = workshop.make("0.2.0");
    sha256 = next.sha256;
    await world.push(next);
    listener = world.withStore(async (store) => {
      const now = await store.get(keys.settings);
      assert.ok(now.ok);
      const fromRevision = now.value.revision + 1;
      for await (const batch of store.watch(keys.serverUpgradeReports, {
        ...{ fromRevision, signal: listening.signal },
      })) {
        if (!batch.ok) return;
        for (const change of batch.value.changes) {
          if (change.kind !== "put") continue;
          const { id, state } = serverReportRecordSchema.parse(change.entry.value);
          said.push(`${id} ${state}`);
        }
      }
    });
  });
  after(async () => {
    listening.abort();
    await listener;
    await world.stop();
    workshop.remove();
  });

  const managerId = (): Promise<string | undefined> =>
    world.withStore(async (store) => {
      const read = await store.get(keys.manager);
      const entry = read.ok ? read.value.entry : undefined;
      return entry === undefined ? undefined : managerRecordSchema.parse(entry.value).serverId;
    });
  const pick = async (isManager: boolean): Promise<TestServer> => {
    await until("a manager", async () => (await managerId()) !== undefined);
    const manager = await managerId();
    const found = world.controlPlane.servers.find(({ id }) => (id === manager) === isManager);
    assert.ok(found !== undefined);
    return found;
  };

  /** Carries the order out under writes; the answer is for how long the server did not answer, in ms. */
  const become = async (
    server: TestServer,
    order: { readonly id: string; readonly version: string; readonly sha256?: string },
  ): Promise<{ readonly awayMs: number; readonly writing: Writing }> => {
    const stopWriters = startWriters(world.controlPlane);
    const away = watchAbsence(server);
    const { id, ...target } = order;
    await world.order(server, { id, order: "switch", package: target });
    const report = await world.untilOver(server, id);
    assert.deepEqual([report.state, report.detail], ["healthy", ""]);
    await world.untilVersion(server, order.version);
    const writing = await stopWriters();
    return { awayMs: await away(), writing };
  };

  const watchAbsence = (server: TestServer): (() => Promise<number>) => {
    let isOver = false;
    let longestMs = 0;
    const client = world.controlPlane.client(server);
    const look = async (): Promise<void> => {
      let lastMs = performance.now();
      while (!isOver) {
        if ((await client.cluster()).ok) {
          longestMs = Math.max(longestMs, performance.now() - lastMs);
          lastMs = performance.now();
        }
        await sleep(20);
      }
    };
    const looking = look();
    return async () => {
      isOver = true;
      await looking;
      return longestMs;
    };
  };

  const nothingIsLost = async ({ acknowledged, hopeless }: Writing): Promise<void> => {
    assert.deepEqual(hopeless, []);
    assert.ok(acknowledged.length > 20, `only ${acknowledged.length} writes were made`);
    const { items } = answerOf(await world.controlPlane.client().services());
    const there = new Set(items.map(({ id }) => String(id)));
    const lost = acknowledged.filter((id) => !there.has(id));
    assert.deepEqual(lost, []);
  };

  const figures = (awayMs: number, { acknowledged, retried, longestMs }: Writing): string => {
    const reasons = [...retried].map(([reason, count]) => `${count} x ${reason}`).join(", ");
    return `away for ${Math.round(awayMs)} ms; ${acknowledged.length} writes, the longest ${Math.round(longestMs)} ms, retried: ${reasons || "none"}`;
  };

  test("prepares first: the package is there and was tried, and nothing else happens", {
    timeout: 120_000,
  }, async () => {
    for (const server of world.controlPlane.servers) {
      const target = { version: "0.2.0", sha256 };
      await world.order(server, { id: `p${server.id}`, order: "prepare", package: target });
    }
    for (const server of world.controlPlane.servers) {
      assert.equal((await world.untilOver(server, `p${server.id}`)).state, "prepared");
      assert.equal(await world.version(server), "0.1.0");
      assert.deepEqual(world.versionsOf(server), ["0.2.0"]);
    }
  });

  test("a follower becomes another version, and comes back", { timeout: 180_000 }, async (t) => {
    const server = await pick(false);
    for (const target of [{ version: "0.2.0", sha256 }, { version: "0.1.0" }]) {
      const id = `follower to ${target.version}`;
      const { awayMs, writing } = await become(server, { id, ...target });
      t.diagnostic(`${id}: ${figures(awayMs, writing)}`);
      await nothingIsLost(writing);
      // They are heard through a member of the store, of which one was just started again.
      await until("it to be said", () => said.includes(`${id} healthy`));
      assert.deepEqual(
        said.filter((line) => line.startsWith(id)),
        [`${id} switched`, `${id} healthy`],
        "each change is said once",
      );
    }
  });

  test("the manager hands its office over first", { timeout: 180_000 }, async (t) => {
    const server = await pick(true);
    const id = "manager";
    const { awayMs, writing } = await become(server, { id, version: "0.2.0", sha256 });
    t.diagnostic(`${id}: ${figures(awayMs, writing)}`);
    await nothingIsLost(writing);
    assert.notEqual(await managerId(), server.id);
  });

  test("an order that nobody can carry out is refused with the reason", {
    timeout: 120_000,
  }, async () => {
    const server = await pick(false);
    const unknown = { version: "0.9.0", sha256: "a".repeat(64) };
    await world.order(server, { id: "unknown", order: "prepare", package: unknown });
    const report = await world.untilOver(server, "unknown");
    assert.equal(report.state, "failed");
    assert.match(report.detail, /no server keeps the package of version 0\.9\.0/);
    await world.order(server, { id: "gone", order: "switch", package: { version: "0.8.0" } });
    const gone = await world.untilOver(server, "gone");
    assert.match(gone.detail, /version 0\.8\.0 is not on this machine any more/);
  });

  test("what is in the store alone makes no server run it: the version is another package's", {
    timeout: 120_000,
  }, async () => {
    const server = await pick(false);
    await world.order(server, {
      ...{ id: "forged", order: "prepare" },
      package: { version: "0.7.0", sha256 },
    });
    const report = await world.untilOver(server, "forged");
    assert.match(report.detail, /authority has not signed the package of version 0\.7\.0/);
    assert.equal(world.versionsOf(server).includes("0.7.0"), false);
  });
});

describe("a server without a launcher", { skip }, () => {
  test("says so, and serves on", { timeout: 120_000 }, async () => {
    const workshop = await openWorkshop();
    const world = await startServerWorld({
      ...{ engine: "etcd", servers: 1, words: ["server", "run"] },
      installed: workshop.make("0.1.0"),
    });
    try {
      const target = { version: "0.2.0", sha256: "b".repeat(64) };
      await world.order(world.server, { id: "o", order: "switch", package: target });
      const report = await world.untilOver(world.server, "o");
      assert.equal(report.state, "failed");
      assert.match(report.detail, /no launcher looks after this server.*holdfast server launch/);
      assert.equal(await world.version(world.server), "0.1.0");
    } finally {
      await world.stop();
      workshop.remove();
    }
  });
});
