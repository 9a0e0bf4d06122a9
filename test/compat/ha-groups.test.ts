/** The exchange's seven operations on HA groups: statuses, bodies and rights, as its clients know them. */
import assert from "node:assert/strict";
import test from "node:test";
import { allGroups, auditOf, makeCluster, put } from "../server/ha-groups/support.ts";
import { type Answer, listOf } from "../server/harness.ts";
import { ExchangeClient } from "./exchange-client.ts";
import { groupsIn, startWorld, type World } from "./support.ts";

function codeOf(answer: Answer): string {
  assert.equal(typeof answer.json["msg"], "string", answer.text);
  assert.notEqual(String(answer.json["msg"]), "", answer.text);
  return `${answer.status} ${String(answer.json["code"])}`;
}

test("a group's life: list, add, update, members, remove, as the command line makes the calls", async (t) => {
  const { harness, anna } = await startWorld(t);
  const none = await anna.groups();
  assert.deepEqual([none.status, none.json], [404, { nodeGroups: [] }]);
  const body = { description: "left rack", members: ["node2", "holdfast/node1"] };
  assert.equal(await anna.addGroup("pair", body), "added");
  const list = await anna.groups();
  const { lastUpdated, ...group } = listOf(list.json["nodeGroups"])[0] ?? {};
  assert.deepEqual(
    [list.status, group],
    [200, { name: "pair", description: "left rack", members: ["node1", "node2"], admin: true }],
  );
  assert.match(String(lastUpdated), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\[UTC\]$/);
  assert.deepEqual((await anna.groups("pair")).json, list.json);
  const missing = await anna.groups("none");
  assert.deepEqual([missing.status, missing.json], [404, { nodeGroups: [] }]);
  assert.equal(await anna.addGroup("pair", { description: "", members: ["node3"] }), "updated");
  assert.deepEqual(groupsIn((await anna.groups()).json), { pair: ["node3"] });
  assert.equal(codeOf(await anna.putGroup("pair", {})), "201 ok");
  assert.equal(codeOf(await anna.putGroup("pair")), "201 ok", "no body at all");
  assert.deepEqual(groupsIn((await anna.groups()).json), { pair: ["node3"] });
  assert.equal(codeOf(await anna.postMember("pair", "node1")), "201 ok");
  const shown = await anna.nodes("node1");
  assert.equal(String(shown.json["nodes"]?.["holdfast/node1"]?.["ha_group"]), "pair");
  const removed = await anna.deleteMember("pair", "node3");
  assert.deepEqual([removed.status, removed.text], [204, ""]);
  assert.deepEqual(await allGroups(harness), { pair: ["node1"] });
  const gone = await anna.deleteGroup("pair");
  assert.deepEqual([gone.status, gone.text], [204, ""]);
  assert.equal(codeOf(await anna.deleteGroup("pair")), "404 not-found");
  const audit = (await auditOf(harness)).filter((line) => line.startsWith("hagroup."));
  assert.deepEqual(audit, [
    "hagroup.remove pair",
    "hagroup.remove-member pair",
    "hagroup.add-member pair",
    "hagroup.change pair",
    "hagroup.add pair",
  ]);
});

test("what the one interface writes, the other one shows", async (t) => {
  const { harness, anna } = await startWorld(t);
  await put(harness, "own", { description: "by the own API", members: ["node1"] });
  assert.deepEqual(groupsIn((await anna.groups("own")).json), { own: ["node1"] });
  await anna.postGroup("theirs", { members: ["node2"] });
  const shown = await harness.call("GET", "/v1/ha-groups/theirs");
  assert.deepEqual(
    [shown.status, String(shown.json["owner"]), String(shown.json["whenMembersOffline"])],
    [200, "anna", "continue"],
  );
  await anna.putGroup("own", { members: ["node3"] });
  assert.deepEqual(await allGroups(harness), { own: ["node3"], theirs: ["node2"] });
  const other = await harness.call("PUT", "/v1/ha-groups/own/members/node2");
  assert.match(String(other.json["detail"]), /is in HA group "theirs"/);
});

type Who = keyof Omit<World, "harness">;
type Case = readonly [Who, (client: ExchangeClient) => Promise<Answer>, string];

/** Groups: `admins` {node4} and `empty` {} are Anna's, `ottos` {node1} Otto's, `mixed` {node3} was made by Otto. */
const refusals: readonly Case[] = [
  // Adding a group.
  ["otto", (client) => client.postGroup("new", { members: ["node3"] }), "403 access-denied"],
  ["otto", (client) => client.postGroup("new", { members: ["node8"] }), "403 access-denied"],
  ["otto", (client) => client.postGroup("new", { members: ["Node_1"] }), "403 access-denied"],
  ["vera", (client) => client.postGroup("new", { members: ["node1"] }), "403 access-denied"],
  ["anna", (client) => client.postGroup("new", { members: ["node8"] }), "403 access-denied"],
  [
    "otto",
    (client) => client.postGroup("new", { members: ["node2", "node1"] }),
    "409 already-exists",
  ],
  ["otto", (client) => client.postGroup("ottos", {}), "409 already-exists"],
  ["otto", (client) => client.postGroup("new", { members: "node1" }), "400 invalid-input"],
  ["otto", (client) => client.postGroup("new", { description: 5 }), "400 invalid-input"],
  ["otto", (client) => client.postGroup("new", ["node1"]), "400 invalid-input"],
  ["otto", (client) => client.postGroup("-new-", {}), "400 invalid-input"],
  // Changing one.
  ["otto", (client) => client.putGroup("none", {}), "404 not-found"],
  ["otto", (client) => client.putGroup("admins", {}), "403 access-denied"],
  ["otto", (client) => client.putGroup("empty", { members: ["node2"] }), "403 access-denied"],
  ["otto", (client) => client.putGroup("mixed", { description: "x" }), "403 access-denied"],
  ["olga", (client) => client.putGroup("ottos", { members: ["node3"] }), "403 access-denied"],
  ["olga", (client) => client.putGroup("mixed", { description: "x" }), "403 access-denied"],
  [
    "otto",
    (client) => client.putGroup("ottos", { members: ["node1", "node4"] }),
    "403 access-denied",
  ],
  ["otto", (client) => client.putGroup("ottos", { members: ["node8"] }), "403 access-denied"],
  ["anna", (client) => client.putGroup("ottos", { members: ["node8"] }), "403 access-denied"],
  ["anna", (client) => client.putGroup("ottos", { members: ["node4"] }), "409 already-exists"],
  ["anna", (client) => client.putGroup("ottos", { members: [1] }), "400 invalid-input"],
  // Removing one.
  ["otto", (client) => client.deleteGroup("admins"), "403 access-denied"],
  ["otto", (client) => client.deleteGroup("empty"), "403 access-denied"],
  ["otto", (client) => client.deleteGroup("mixed"), "403 access-denied"],
  ["olga", (client) => client.deleteGroup("mixed"), "403 access-denied"],
  ["olga", (client) => client.deleteGroup("ottos"), "403 access-denied"],
  ["olga", (client) => client.deleteGroup("none"), "404 not-found"],
  // Members.
  ["otto", (client) => client.postMember("none", "node2"), "404 not-found"],
  ["otto", (client) => client.postMember("ottos", "node8"), "404 not-found"],
  ["otto", (client) => client.postMember("ottos", "Node_1"), "404 not-found"],
  ["otto", (client) => client.postMember("ottos", "node1"), "409 already-exists"],
  ["anna", (client) => client.postMember("empty", "node1"), "409 already-exists"],
  ["olga", (client) => client.postMember("ottos", "node3"), "403 access-denied"],
  ["otto", (client) => client.postMember("empty", "node2"), "403 access-denied"],
  ["otto", (client) => client.postMember("mixed", "node2"), "403 access-denied"],
  ["otto", (client) => client.postMember("ottos", "node4"), "403 access-denied"],
  ["olga", (client) => client.deleteMember("ottos", "node1"), "403 access-denied"],
  ["otto", (client) => client.deleteMember("ottos", "node2"), "404 not-found"],
  ["otto", (client) => client.deleteMember("ottos", "node8"), "404 not-found"],
  ["otto", (client) => client.deleteMember("none", "node1"), "404 not-found"],
];

test("what is refused has the exchange's status and code, and changes nothing", async (t) => {
  const world = await startWorld(t);
  const { harness, anna, otto } = world;
  await anna.postGroup("admins", { members: ["node4"] });
  await anna.postGroup("empty", {});
  assert.equal(codeOf(await otto.postGroup("ottos", { members: ["node1"] })), "201 ok");
  await otto.postGroup("mixed", {});
  assert.equal(codeOf(await anna.postMember("mixed", "node3")), "201 ok");
  const groups = { admins: ["node4"], empty: [], mixed: ["node3"], ottos: ["node1"] };
  for (const [who, call, expected] of refusals) {
    const answer = await call(world[who]);
    assert.equal(codeOf(answer), expected, `${who}: ${String(call)}: ${answer.text}`);
    assert.deepEqual(await allGroups(harness), groups, String(call));
  }
  await makeCluster(harness, "node2");
  const cluster = await otto.postMember("ottos", "node2");
  assert.equal(codeOf(cluster), "400 invalid-input");
  assert.match(String(cluster.json["msg"]), /of type cluster/);
});

test("users do as they like with groups of their own nodes, and see of others' members none", async (t) => {
  const { anna, otto, olga, vera } = await startWorld(t);
  assert.equal(codeOf(await otto.postGroup("ottos", { members: ["node1"] })), "201 ok");
  assert.equal(codeOf(await otto.postMember("ottos", "node2")), "201 ok");
  assert.equal(codeOf(await otto.putGroup("ottos", { description: "mine" })), "201 ok");
  await anna.postGroup("all", { members: ["node3", "node4"] });
  assert.deepEqual(groupsIn((await otto.groups()).json), { all: [], ottos: ["node1", "node2"] });
  assert.deepEqual(groupsIn((await olga.groups()).json), { all: ["node3"], ottos: [] });
  assert.deepEqual(groupsIn((await vera.groups()).json), { all: [], ottos: [] });
  const shown = listOf((await otto.groups("ottos")).json["nodeGroups"])[0];
  assert.equal(String(shown?.["admin"]), "false");
  assert.equal((await otto.deleteMember("ottos", "node1")).status, 204);
  assert.equal((await otto.deleteGroup("ottos")).status, 204);
  assert.equal(codeOf(await vera.postGroup("veras", { description: "x" })), "201 ok");
});

test("an organisation that there is not has nothing, and gets nothing", async (t) => {
  const { harness } = await startWorld(t);
  const client = new ExchangeClient(
    harness,
    { id: "holdfast/anna", secret: "correct horse" },
    "elsewhere",
  );
  const list = await client.groups();
  assert.deepEqual([list.status, list.json], [404, { nodeGroups: [] }]);
  assert.equal(codeOf(await client.postGroup("x", {})), "404 not-found");
  assert.equal(codeOf(await client.putGroup("x", {})), "404 not-found");
  assert.equal(codeOf(await client.deleteGroup("x")), "404 not-found");
  assert.equal(codeOf(await client.postMember("x", "node1")), "404 not-found");
  assert.equal(codeOf(await client.deleteMember("x", "node1")), "404 not-found");
  assert.deepEqual(await allGroups(harness), {});
});

test("of two requests at once over either interface, one puts the node into its group", async (t) => {
  const { harness, anna } = await startWorld(t);
  await anna.postGroup("a", {});
  await anna.postGroup("b", {});
  for (let round = 0; round < 10; round += 1) {
    const answers = await Promise.all([
      anna.postMember("a", "node1"),
      harness.call("PUT", "/v1/ha-groups/b/members/node1"),
    ]);
    const statuses = answers.map(({ status }) => status);
    assert.ok(statuses.includes(409), String(statuses));
    const groups = await allGroups(harness);
    assert.equal(Object.values(groups).flat().length, 1);
    for (const name of ["a", "b"]) await anna.deleteMember(name, "node1");
  }
});
