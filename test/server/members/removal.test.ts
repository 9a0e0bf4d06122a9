/** Servers that a person removes, members that belong to nobody, and the list of servers, with real servers and etcd. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import { createEtcdAdmin } from "../../../src/stores/etcd/etcd-admin.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  type TestServer,
  until,
} from "../../support/control-plane.ts";
import { quietLog } from "../harness.ts";
import { etcdctl, etcdFiles, memberUrls, missingForMembers, tryMemberUrls } from "./etcdctl.ts";

const skip = missingForMembers();

describe("servers that are removed", { skip }, () => {
  let plane: TestControlPlane;
  before(async () => {
    plane = await startControlPlane({ servers: 3 });
    answerOf(await plane.client().changeSettings({ readyServersMin: 3 }));
  });
  after(async () => {
    await plane.stop();
  });

  const serverOf = (id: string): TestServer => {
    const found = plane.servers.find((server) => server.id === id);
    if (found === undefined) throw new Error(`there is no server ${id}`);
    return found;
  };

  test("a learner that no join has is taken out of the store", async () => {
    const first = serverOf("1");
    const admin = createEtcdAdmin({
      ...{ endpoints: [first.clientUrl], tls: () => etcdFiles(first), clock, log: quietLog },
    });
    const peerUrl = "https://127.0.0.1:1";
    await until("the learner to be added", async () => {
      const added = await admin.memberAddAsLearner(peerUrl);
      return added.ok || added.error.kind === "already-member";
    });
    await admin.close();
    // One learner at a time may be: whoever joins finds the place taken, and the manager clears it.
    const joined = await plane.addServer();
    const urls = await memberUrls(first);
    assert(!urls.includes(peerUrl), "the learner is gone");
    assert(urls.includes(`https://127.0.0.1:${joined.port + 2}`), "the other is in");
  });

  test("a join that is killed on its way leaves no member behind", async () => {
    const joining = await plane.prepareServer();
    joining.start();
    const peerUrl = `https://127.0.0.1:${joining.port + 2}`;
    const isMember = (): boolean | undefined => tryMemberUrls(serverOf("1"))?.includes(peerUrl);
    await until("it to be a member", () => isMember() === true);
    const line = (await plane.list(serverOf("1"))).find(({ id }) => id === joining.id);
    await joining.kill();
    if (line !== undefined && line.role === "learner") {
      assert.equal(line.health, "starting");
      assert.equal(line.url, joining.url);
    }
    const client = plane.client(serverOf("1"));
    await until("no member of it to be left", async () => {
      if (isMember() === false) return true;
      // If it was quicker than the kill it is a lost server, and no leftover: the next tests count on four.
      const known = (await plane.list(serverOf("1"))).find(({ id }) => id === joining.id);
      if (known?.health === "unreachable") await client.removeServer(joining.id);
      return false;
    });
  });

  test("of two removals at the same moment the second is counted after the first", async () => {
    const lines = await plane.list();
    const followers = lines.filter(({ isManager, health }) => !isManager && health === "ok");
    const wanted = followers.slice(-2).map(({ id }) => id);
    const isCounted = (message: string): boolean => message.includes("ready servers would be left");
    const remove = () =>
      Promise.all(wanted.map((id) => plane.client(serverOf("1")).removeServer(id)));
    let answers = await remove();
    await until("one to be removed", async () => {
      // A busy server that was missed in the count is one ready server less: both are refused then, and nothing is done.
      const words = answers.map((answer) => (answer.ok ? "" : answer.error.message));
      if (!words.every(isCounted)) return true;
      answers = await remove();
      return false;
    });
    const refused = answers.filter((answer) => !answer.ok);
    assert.equal(refused.length, 1, JSON.stringify(answers));
    const [words] = refused.map((answer) => (answer.ok ? "" : answer.error.message));
    assert.match(words ?? "", /2 ready servers would be left, and readyServersMin is 3/);
    await until("three to be left", async () => {
      const left = await plane.list();
      return left.length === 3 && left.every(({ health }) => health === "ok");
    });
  });

  test("a live server that was removed ends, and its certificates open nothing", async () => {
    const here = new Set((await plane.list()).map(({ id }) => id));
    const gone = plane.servers.find(({ id }) => !here.has(id));
    assert(gone !== undefined, "one was removed");
    assert.equal(await gone.ended(), 1);
    assert.match(gone.log, /this server was removed from the cluster|was removed from the cluster/);
    const stays = plane.servers.find(({ id }) => here.has(id));
    assert(stays !== undefined);
    await until("its certificate to be refused", () => {
      return !etcdctl(stays, gone, ["get", "settings"]).succeeded;
    });
    const { items } = answerOf(await plane.client(stays).events({ subject: `server/${gone.id}` }));
    assert(items.some(({ code }) => code === "server-removed"));
    gone.start();
    assert.equal(await gone.ended(), 1);
    assert.match(gone.logOfThisLife, /removed from the cluster/);
  });

  test("a removal that would cost the quorum, or the last ready server, is refused with the reason", async () => {
    const [first] = await plane.list();
    assert(first !== undefined);
    const refused = await plane.client().removeServer(first.id);
    assert(!refused.ok);
    assert.match(refused.error.message, /2 ready servers would be left, and readyServersMin is 3/);
    const unknown = await plane.client().removeServer("99");
    assert(!unknown.ok);
    assert.match(unknown.error.message, /there is no server 99/);
  });

  test("the manager's own server can be removed, and another one carries it to its end", async () => {
    answerOf(await plane.client().changeSettings({ readyServersMin: 1 }));
    const manager = (await plane.list()).find(({ isManager }) => isManager);
    assert(manager !== undefined);
    const others = (await plane.list()).filter(({ id }) => id !== manager.id);
    const [other] = others.map(({ id }) => serverOf(id));
    assert(other !== undefined);
    answerOf(await plane.client(other).removeServer(manager.id));
    assert.equal(await serverOf(manager.id).ended(), 1);
    const left = await plane.list(other);
    assert.deepEqual(
      left.map(({ id }) => id),
      others.map(({ id }) => id),
    );
    await until("the store to have as many members", () => {
      return tryMemberUrls(other)?.length === others.length;
    });
  });

  test("an id is never given again, also not the highest one after its server was removed", async () => {
    const newest = await plane.prepareServer();
    newest.start();
    await until("it to serve", async () => {
      return (await plane.list()).some(({ id, health }) => id === newest.id && health === "ok");
    });
    const ids = plane.servers.map(({ id }) => Number(id));
    assert.equal(Number(newest.id), Math.max(...ids), "it has the highest id");
    answerOf(await plane.client().removeServer(newest.id));
    assert.equal(await newest.ended(), 1);
    const next = await plane.prepareServer();
    assert(Number(next.id) > Number(newest.id), `${next.id} after ${newest.id}`);
  });
});
