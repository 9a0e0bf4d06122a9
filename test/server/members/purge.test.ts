/** Lost servers, with real servers and real etcd: noted, kept or purged, one at a time, and turned away afterwards. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Client } from "../../../src/client/client.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  type TestServer,
  until,
} from "../../support/control-plane.ts";
import { etcdctl, memberUrls, missingForMembers, tryMemberUrls } from "./etcdctl.ts";

const skip = missingForMembers();

describe("the purge of lost servers", { skip }, () => {
  let plane: TestControlPlane;
  let servers: readonly TestServer[];
  before(async () => {
    plane = await startControlPlane({ servers: 5 });
    servers = plane.servers;
  });
  after(async () => {
    await plane.stop();
  });

  /** The servers that live through all of it. */
  const staying = (): TestServer => at(servers, 0);
  const list = () => plane.list(staying());
  const client = () => plane.client(staying());

  const events = async (subject: string): Promise<readonly string[]> => {
    const page = answerOf(await client().events({ subject }));
    return page.items.map(({ code }) => code).reverse();
  };
  /** Whether there is such an event; false too while nobody can say so. */
  const hasEvent = async (subject: string, wanted: string): Promise<boolean> => {
    const answer = await client().events({ subject });
    return answer.ok && answer.value.items.some(({ code }) => code === wanted);
  };
  /** The killed one may have led the store: no write is taken until another one does. */
  const change = async (settings: Parameters<Client["changeSettings"]>[0]): Promise<void> => {
    await until("the settings to be taken", async () => {
      return (await client().changeSettings(settings)).ok;
    });
  };

  test("a lost server stays while fewer than readyServersMin would be left, and the list says so", async () => {
    await at(servers, 4).kill();
    await change({ purgeAfterMs: 1_000, readyServersMin: 5 });
    const because = "not purged: 4 ready servers would be left, and readyServersMin is 5";
    await until("it to be kept for a reason", async () =>
      (await list()).some((line) => line.id === "5" && line.because?.includes(because) === true),
    );
    // A busy server may be missed in one of the lists.
    await until("the others to be listed as well", async () => {
      const health = (await list()).map((line) => line.health);
      return health.join() === "ok,ok,ok,ok,unreachable";
    });
    assert.equal((await memberUrls(staying())).length, 5, "no member was removed");
    assert.deepEqual(await events("server/5"), ["server-lost"]);
  });

  test("since when a server is lost survives a change of the manager", async () => {
    const manager = (await list()).find(({ isManager }) => isManager);
    const process = servers.find(({ id }) => id === manager?.id);
    assert(process !== undefined && manager !== undefined, "one of the servers is the manager");
    await process.end();
    const others = servers.slice(0, 4).filter(({ id }) => id !== process.id);
    await until("another manager", async () =>
      (await plane.list(at(others, 0))).some(({ isManager }) => isManager),
    );
    process.start();
    await until("it is back", async () =>
      (await plane.list(at(others, 0))).some(
        ({ id, health }) => id === process.id && health === "ok",
      ),
    );
    assert.deepEqual(await events("server/5"), ["server-lost"], "it was lost once");
    // One that ends in order is missed at once, and back as soon as it registers.
    await until("its loss and return are told", () =>
      hasEvent(`server/${process.id}`, "server-back"),
    );
    assert.equal((await memberUrls(staying())).length, 5);
  });

  test("two that are lost at once are purged one after the other, each counted anew", async () => {
    // It may have been lost before, as the manager that was ended.
    const before = (await events("server/4")).length;
    await at(servers, 3).kill();
    await until("the second loss to be noted", async () => {
      const answer = await client().events({ subject: "server/4" });
      return answer.ok && answer.value.items.length > before;
    });
    await change({ readyServersMin: 3 });
    await until("both to be purged", async () => (await list()).length === 3);
    const told = ["server-lost", "server-purged"];
    assert.deepEqual((await events("server/4")).slice(before), told);
    assert.deepEqual(await events("server/5"), told);
    await until("three members to be left", () => tryMemberUrls(staying())?.length === 3);
    const { items } = answerOf(await client().events({}));
    const purged = items.filter(({ code }) => code === "server-purged");
    assert.equal(purged.length, 2);
    assert.notEqual(at(purged, 0).revision, at(purged, 1).revision, "two transactions");
    assert(answerOf(await client().cluster()), "the cluster goes on");
  });

  test("of two that go on with less than the minimum neither is purged", async () => {
    await at(servers, 2).kill();
    await until("it is kept for a reason", async () =>
      (await list()).some(({ because }) => because?.includes("2 ready servers would be left")),
    );
    assert.equal((await memberUrls(staying())).length, 3);
    at(servers, 2).start();
    await until("it is back", async () => (await list()).every(({ health }) => health === "ok"));
  });

  test("the purged server's certificate opens no member of the store and no server's API", async () => {
    const purged = at(servers, 3);
    for (const server of servers.slice(0, 3)) {
      await until(`${server.name} to refuse the certificate`, () => {
        const { succeeded, text } = etcdctl(server, purged, ["get", "settings"]);
        return !succeeded && /remote error|EOF|reset|closed|deadline/.test(text);
      });
      assert(etcdctl(server, server, ["get", "settings"]).succeeded, "its own still does");
    }
  });

  test("a purged server that comes back is turned away with the reason", async () => {
    const purged = at(servers, 3);
    purged.start();
    assert.equal(await purged.ended(), 1);
    const said = purged.logOfThisLife;
    assert.match(said, /server 4 was removed from the cluster \(it was lost for too long\)/);
    assert.match(said, /empty the server's data directory and join it anew/);
    assert.equal((await list()).length, 3, "it is none of them");
  });
});

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new Error(`there is no number ${index}`);
  return found;
}
