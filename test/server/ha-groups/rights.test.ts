/** Who may do what with HA groups: a table of people and requests, each of which changes all or nothing. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { addUser, logIn, makeToken } from "../access/support.ts";
import type { Harness } from "../harness.ts";
import { allGroups, put, startCluster } from "./support.ts";

type Person = "admin" | "viewer" | "operator" | "otto" | "olga";

interface World {
  readonly harness: Harness;
  readonly tokens: Readonly<Record<Person, string>>;
}

/** Otto owns node1 and node2, Olga node3. Group `ottos` is Otto's, `mixed` and `empty` are the admin's. */
async function startWorld(t: TestContext): Promise<World> {
  const harness = await startCluster(t);
  await addUser(harness, "otto", "owner", { ownsNodes: ["node1", "node2"] });
  await addUser(harness, "olga", "owner", { ownsNodes: ["node3"] });
  const tokens = {
    admin: harness.adminToken,
    viewer: await makeToken(harness, { role: "viewer" }),
    operator: await makeToken(harness, { role: "operator" }),
    otto: await logIn(harness, "otto"),
    olga: await logIn(harness, "olga"),
  };
  await put(harness, "mixed", { members: ["node3", "node4"] });
  await put(harness, "empty", {});
  const made = await put(harness, "ottos", { members: ["node1"] }, { token: tokens.otto });
  assert.equal(made.status, 201, made.text);
  return { harness, tokens };
}

/** Who asks, what for, and what is missing; undefined: nothing is. */
type Case = readonly [Person, string, unknown, RegExp | undefined];

const nodeChange = (node: string): RegExp => new RegExp(`"node.change" for node "${node}"`);
const groupChange = /"hagroup.change"/;

const cases: readonly Case[] = [
  // Everybody may create a group; its members take the right to each of them.
  ["viewer", "PUT new", { description: "x" }, undefined],
  ["operator", "POST", { name: "new" }, undefined],
  ["viewer", "PUT new", { members: ["node1"] }, nodeChange("node1")],
  ["operator", "PUT new", { members: ["node1"] }, nodeChange("node1")],
  ["otto", "PUT new", { members: ["node2"] }, undefined],
  ["otto", "PUT new", { members: ["node2", "node4"] }, nodeChange("node4")],
  ["admin", "PUT new", { members: ["node2"] }, undefined],
  // Adding and removing: the right to the node, whoever's the group is.
  ["otto", "PUT empty/members/node2", undefined, undefined],
  ["otto", "PUT mixed/members/node2", undefined, undefined],
  ["otto", "DELETE mixed/members/node3", undefined, nodeChange("node3")],
  ["olga", "DELETE mixed/members/node3", undefined, undefined],
  ["olga", "PUT empty/members/node3?force=true", undefined, undefined],
  ["otto", "PUT empty/members/node3?force=true", undefined, nodeChange("node3")],
  ["viewer", "PUT empty/members/node2", undefined, nodeChange("node2")],
  ["operator", "DELETE mixed/members/node3", undefined, nodeChange("node3")],
  ["olga", "PUT mixed", { members: ["node4"] }, undefined],
  ["olga", "PUT mixed", { members: [] }, nodeChange("node4")],
  ["olga", "PUT mixed", { members: ["node3", "node2", "node4"] }, nodeChange("node2")],
  // The group itself: its creator and admins.
  ["otto", "PUT ottos", { description: "mine", whenMembersOffline: "wait" }, undefined],
  ["olga", "PUT ottos", { description: "mine" }, groupChange],
  ["otto", "PUT empty", { description: "mine" }, groupChange],
  ["otto", "PUT empty", { whenMembersOffline: "wait" }, groupChange],
  ["otto", "PUT empty", { members: ["node2"], description: "mine" }, groupChange],
  ["operator", "PUT empty", { description: "mine" }, groupChange],
  ["admin", "PUT ottos", { description: "theirs" }, undefined],
  ["viewer", "PUT ottos", {}, undefined], // asks for nothing
  ["otto", "DELETE ottos", undefined, undefined],
  ["olga", "DELETE ottos", undefined, groupChange],
  ["otto", "DELETE empty", undefined, groupChange],
  ["operator", "DELETE ottos", undefined, groupChange],
  ["admin", "DELETE ottos", undefined, undefined],
  ["admin", "DELETE mixed", undefined, undefined],
];

test("who may do what: all of it, or a 403 that names what is missing and changes nothing", async (t) => {
  const { harness, tokens } = await startWorld(t);
  const before = await allGroups(harness);
  for (const [person, call, body, missing] of cases) {
    const [method = "", place] = call.split(" ");
    const path = place === undefined ? "/v1/ha-groups" : `/v1/ha-groups/${place}`;
    const answer = await harness.call(method, path, { token: tokens[person], body });
    const what = `${person} ${call} ${JSON.stringify(body)}: ${answer.text}`;
    if (missing === undefined) {
      assert.ok(answer.status < 300, what);
      await restore(harness, tokens);
    } else {
      assert.deepEqual([answer.status, String(answer.json["code"])], [403, "not-allowed"], what);
      assert.match(String(answer.json["detail"]), missing, what);
    }
    assert.deepEqual(await allGroups(harness), before, what);
  }
});

async function restore(harness: Harness, tokens: World["tokens"]): Promise<void> {
  for (const name of ["new", "mixed", "empty", "ottos"]) {
    await harness.call("DELETE", `/v1/ha-groups/${name}`);
  }
  await put(harness, "mixed", { members: ["node3", "node4"] });
  await put(harness, "empty", {});
  await put(harness, "ottos", { members: ["node1"] }, { token: tokens.otto });
}

test("removing a group takes the right to each of its members, also for its creator", async (t) => {
  const { harness, tokens } = await startWorld(t);
  await harness.call("PUT", "/v1/ha-groups/ottos/members/node4?force=true");
  const refused = await harness.call("DELETE", "/v1/ha-groups/ottos", { token: tokens.otto });
  assert.equal(refused.status, 403);
  assert.match(String(refused.json["detail"]), nodeChange("node4"));
});

test("a token of a user is the user's own hand, bounded by the token's role", async (t) => {
  const { harness, tokens } = await startWorld(t);
  const token = await makeToken(
    harness,
    { role: "viewer", own: true, name: "screen" },
    tokens.otto,
  );
  const described = await put(harness, "ottos", { description: "by token" }, { token });
  assert.equal(described.status, 200, "the group is its user's");
  const added = await harness.call("PUT", "/v1/ha-groups/ottos/members/node2", { token });
  assert.equal(added.status, 403, "the node is not the token's to modify");
});

test("agents and nobody at all change no group", async (t) => {
  const { harness } = await startWorld(t);
  const agent = await harness.agentToken("node1");
  assert.equal((await put(harness, "new", {}, { token: agent })).status, 403);
  const nobody = await harness.call("PUT", "/v1/ha-groups/new", { token: undefined, body: {} });
  assert.equal(nobody.status, 401);
});
