/** HA groups over HTTP: what is taken, what is refused and why, and what is shown of them. */
import assert from "node:assert/strict";
import test from "node:test";
import { openStream, send } from "../harness.ts";
import {
  allGroups,
  auditOf,
  makeCluster,
  membersIn,
  put,
  register,
  startCluster,
} from "./support.ts";

const pair = { description: "the two in the left rack", members: ["node2", "node1"] };

test("PUT /v1/ha-groups/:name adds, replaces what is given, compares If-Match, and writes the audit", async (t) => {
  const harness = await startCluster(t);
  const made = await put(harness, "pair", pair, { headers: { "if-none-match": "*" } });
  assert.equal(made.status, 201, made.text);
  const { json } = made;
  assert.deepEqual(
    [String(json["description"]), String(json["whenMembersOffline"]), membersIn(made)],
    [pair.description, "continue", ["node1", "node2"]],
  );
  assert.equal(made.headers["etag"], `"${json["revision"]}"`);
  const same = await put(harness, "pair", pair);
  assert.deepEqual([same.status, same.json["revision"]], [200, json["revision"]]);
  const nothing = await put(harness, "pair", {});
  assert.deepEqual([nothing.status, nothing.json["revision"]], [200, json["revision"]]);
  const etag = String(made.headers["etag"]);
  const changed = await put(
    harness,
    "pair",
    { members: ["node2", "node3"] },
    { headers: { "if-match": etag } },
  );
  assert.equal(changed.status, 200, changed.text);
  assert.deepEqual(
    [String(changed.json["description"]), membersIn(changed)],
    [pair.description, ["node2", "node3"]],
  );
  const stale = await put(harness, "pair", { description: "x" }, { headers: { "if-match": etag } });
  assert.equal(stale.status, 412);
  const actions = (await auditOf(harness)).filter((line) => line.startsWith("hagroup."));
  assert.deepEqual(actions, ["hagroup.change pair", "hagroup.add pair"]);
});

test("a group's revision is that of all its content, also when a member leaves by another way", async (t) => {
  const harness = await startCluster(t);
  await put(harness, "pair", pair);
  const before = await put(harness, "other", {});
  const moved = await harness.call("PUT", "/v1/ha-groups/other/members/node1?force=true");
  assert.equal(moved.status, 200, moved.text);
  const left = await harness.call("GET", "/v1/ha-groups/pair");
  assert.deepEqual(left.json["revision"], moved.json["revision"]);
  assert.ok(Number(moved.json["revision"]) > Number(before.json["revision"]));
  const removed = await harness.call("DELETE", "/v1/nodes/node2");
  assert.equal(removed.status, 204, removed.text);
  const after = await harness.call("GET", "/v1/ha-groups/pair");
  assert.ok(Number(after.json["revision"]) > Number(left.json["revision"]));
  assert.deepEqual(membersIn(after), []);
});

test("POST /v1/ha-groups adds only what there is not", async (t) => {
  const harness = await startCluster(t);
  const body = { name: "pair", ...pair };
  const made = await harness.call("POST", "/v1/ha-groups", { body });
  assert.equal(made.status, 201, made.text);
  const again = await harness.call("POST", "/v1/ha-groups", { body: { ...body, members: [] } });
  assert.deepEqual([again.status, String(again.json["code"])], [409, "already-exists"]);
  assert.deepEqual(await allGroups(harness), { pair: ["node1", "node2"] });
});

test("a node is in one group or in none: 409 names the group, force moves it", async (t) => {
  const harness = await startCluster(t);
  await put(harness, "first", { members: ["node1", "node2"] });
  await put(harness, "second", { members: ["node3"] });
  const groups = { first: ["node1", "node2"], second: ["node3"] };
  const refused = [
    await put(harness, "second", { members: ["node3", "node2"] }),
    await put(harness, "third", { members: ["node2"] }),
    await harness.call("PUT", "/v1/ha-groups/second/members/node2"),
    await harness.call("POST", "/v1/ha-groups", { body: { name: "third", members: ["node2"] } }),
  ];
  for (const answer of refused) {
    assert.deepEqual([answer.status, String(answer.json["code"])], [409, "conflict"], answer.text);
    assert.match(String(answer.json["detail"]), /node "node2" is in HA group "first" already/);
    assert.deepEqual(await allGroups(harness), groups);
  }
  assert.match(String(refused[0]?.json["detail"]), /^members\.1: /, "the place is named");
  const moved = await put(
    harness,
    "second",
    { members: ["node3", "node2"] },
    { query: "?force=true" },
  );
  assert.equal(moved.status, 200, moved.text);
  assert.deepEqual(await allGroups(harness), { first: ["node1"], second: ["node2", "node3"] });
  const one = await harness.call("PUT", "/v1/ha-groups/second/members/node1?force=true");
  assert.equal(one.status, 200, one.text);
  assert.deepEqual(await allGroups(harness), { first: [], second: ["node1", "node2", "node3"] });
});

test("PUT and DELETE /v1/ha-groups/:name/members/:node", async (t) => {
  const harness = await startCluster(t);
  await put(harness, "pair", pair);
  const member = (method: string, node: string, headers = {}) =>
    harness.call(method, `/v1/ha-groups/pair/members/${node}`, { headers });
  const added = await member("PUT", "node3");
  assert.deepEqual([added.status, membersIn(added)], [200, ["node1", "node2", "node3"]]);
  const again = await member("PUT", "node3");
  assert.deepEqual([again.status, again.json["revision"]], [200, added.json["revision"]]);
  const node = await harness.call("GET", "/v1/nodes/node3");
  assert.equal(String(node.json["haGroup"]), "pair");
  const stale = await member("DELETE", "node3", { "if-match": '"1"' });
  assert.equal(stale.status, 412);
  const gone = await member("DELETE", "node3");
  assert.deepEqual([gone.status, membersIn(gone)], [200, ["node1", "node2"]]);
  const missing = [
    [await member("DELETE", "node3"), /node "node3" is not in HA group "pair"/],
    [await member("PUT", "node9"), /there is no node "node9"/],
    [await harness.call("PUT", "/v1/ha-groups/none/members/node3"), /no HA group "none"/],
    [await harness.call("DELETE", "/v1/ha-groups/none/members/node3"), /no HA group "none"/],
  ] as const;
  for (const [answer, words] of missing) {
    assert.equal(answer.status, 404);
    assert.match(String(answer.json["detail"]), words);
  }
  assert.deepEqual((await auditOf(harness)).slice(0, 2), [
    "hagroup.remove-member pair",
    "hagroup.add-member pair",
  ]);
});

test("a node of type cluster is refused with the reason", async (t) => {
  const harness = await startCluster(t);
  await makeCluster(harness, "node4");
  await put(harness, "pair", pair);
  const answers = [
    await harness.call("PUT", "/v1/ha-groups/pair/members/node4"),
    await harness.call("PUT", "/v1/ha-groups/pair/members/node4?force=true"),
    await put(harness, "more", { members: ["node3", "node4"] }),
  ];
  for (const answer of answers) {
    assert.deepEqual([answer.status, String(answer.json["code"])], [409, "refused"], answer.text);
    assert.match(String(answer.json["detail"]), /"node4" is of type cluster.*orchestrator/);
  }
  assert.match(String(answers[2]?.json["detail"]), /^members\.1: /);
  assert.deepEqual(await allGroups(harness), { pair: ["node1", "node2"] });
});

const bad: readonly (readonly [string, unknown, string, RegExp])[] = [
  ["PUT x", { members: ["node1", "node8", "node9"] }, "members.1", /there is no node "node8"/],
  ["PUT x", { members: ["node1", "node2", "node1"] }, "members.2", /"node1" is named twice/],
  ["PUT x", { members: "node1" }, "members", /expected array/],
  ["PUT x", { members: [7] }, "members.0", /expected string/],
  ["PUT x", { members: ["Node_1"] }, "members.0", /cannot be a node name/],
  ["PUT x", { description: 5 }, "description", /expected string/],
  ["PUT x", { description: "x".repeat(1_001) }, "description", /1000 characters/],
  ["PUT x", { whenMembersOffline: "perhaps" }, "whenMembersOffline", /continue, wait/],
  ["PUT x", { memebrs: [] }, "memebrs", /unknown field/],
  ["PUT x", { name: "y" }, "name", /the path says "x", the body says "y"/],
  ["PUT -x", {}, "path.name", /letters, digits/],
  ["PUT x?force=maybe", {}, "query.force", /true, false/],
  ["PUT x", [], "", /expected object/],
  ["POST", { members: [] }, "name", /is missing/],
  ["POST", { name: "a b" }, "name", /letters, digits/],
];

test("bad input is 400 with the place, and nothing is changed", async (t) => {
  const harness = await startCluster(t);
  for (const [call, body, path, words] of bad) {
    const [method = "", name] = call.split(" ");
    const where = name === undefined ? "/v1/ha-groups" : `/v1/ha-groups/${name}`;
    const answer = await harness.call(method, where, { body });
    const what = `${call} ${JSON.stringify(body)}: ${answer.text}`;
    assert.deepEqual([answer.status, String(answer.json["code"])], [400, "bad-input"], what);
    const faults = answer.json["faults"] as unknown as { path: string; message: string }[];
    assert.equal(faults[0]?.path, path, what);
    assert.match(faults[0]?.message ?? "", words, what);
  }
  assert.deepEqual(await allGroups(harness), {});
  const broken = await send(harness.server.url, "PUT", "/v1/ha-groups/x", {
    token: harness.adminToken,
    rawBody: "{",
  });
  assert.equal(broken.status, 400);
});

test("DELETE /v1/ha-groups/:name leaves its nodes in none", async (t) => {
  const harness = await startCluster(t);
  const made = await put(harness, "pair", pair);
  const stale = await harness.call("DELETE", "/v1/ha-groups/pair", {
    headers: { "if-match": `"${Number(made.json["revision"]) - 1}"` },
  });
  assert.equal(stale.status, 412);
  assert.equal((await harness.call("DELETE", "/v1/ha-groups/pair")).status, 204);
  assert.equal((await harness.call("DELETE", "/v1/ha-groups/pair")).status, 404);
  assert.equal((await harness.call("GET", "/v1/ha-groups/pair")).status, 404);
  assert.deepEqual(await allGroups(harness), {});
  const node = await harness.call("GET", "/v1/nodes/node1");
  assert.equal(node.json["haGroup"], undefined);
  const again = await put(harness, "other", { members: ["node1", "node2"] });
  assert.equal(again.status, 201, again.text);
  assert.ok((await auditOf(harness)).includes("hagroup.remove pair"));
});

test("a node that joins is put into its group as it is registered, and stays where people put it later", async (t) => {
  const harness = await startCluster(t);
  await put(harness, "pair", pair);
  const unknown = await register(harness, "node5", { haGroup: "none" });
  assert.deepEqual([unknown.status, String(unknown.json["code"])], [404, "not-found"]);
  assert.match(String(unknown.json["detail"]), /there is no HA group "none"; create it first/);
  assert.equal((await harness.call("GET", "/v1/nodes/node5")).status, 404, "it has not joined");
  const joined = await register(harness, "node5", { haGroup: "pair" });
  assert.deepEqual([joined.status, String(joined.json["haGroup"])], [200, "pair"]);
  assert.deepEqual(await allGroups(harness), { pair: ["node1", "node2", "node5"] });
  await put(harness, "other", {});
  await harness.call("PUT", "/v1/ha-groups/other/members/node5?force=true");
  const again = await register(harness, "node5", { haGroup: "pair" });
  assert.deepEqual([again.status, String(again.json["haGroup"])], [200, "other"]);
  assert.deepEqual((await allGroups(harness))["other"], ["node5"]);
  const record = await harness.store.get("nodes/node5");
  assert.ok(record.ok);
  assert.doesNotMatch(JSON.stringify(record.value.entry?.value), /haGroup/);
});

test("GET /v1/ha-groups/:name shows who is there and who holds the upgrade slot, and why", async (t) => {
  const harness = await startCluster(t);
  await put(harness, "pair", pair);
  await harness.agent("node1");
  const use = { kind: "service", deployment: "web", from: "1.0.0", to: "1.1.0" };
  const slot = { version: 1, group: "pair", node: "node1", use, sinceMs: 5 };
  await harness.store.txn({
    compare: [],
    then: [{ kind: "put", key: "upgrade-slots/pair", value: slot }],
  });
  const shown = await harness.call("GET", "/v1/ha-groups/pair");
  assert.deepEqual(shown.json["members"], [
    { node: "node1", isOnline: true },
    { node: "node2", isOnline: false },
  ]);
  assert.deepEqual(shown.json["slot"], {
    node: "node1",
    reason: 'it upgrades deployment "web" from 1.0.0 to 1.1.0',
    sinceMs: 5,
  });
});

test("GET /v1/watch tells of groups, of their members and of their slots", async (t) => {
  const harness = await startCluster(t);
  await put(harness, "pair", pair);
  const stream = await openStream(harness.server.url, "/v1/watch?kinds=ha-group,node", {
    token: harness.adminToken,
  });
  t.after(() => stream.close());
  const told = (what: string, isIt: (data: string, event: string) => boolean) =>
    stream.until(what, ({ event, data }) => isIt(JSON.stringify(data), event));
  await told("the group is there", (data, event) => event === "ha-group" && data.includes("pair"));
  await told("ready", (_data, event) => event === "ready");
  await harness.call("PUT", "/v1/ha-groups/pair/members/node3");
  await told("a member more", (data, event) => event === "ha-group" && data.includes("node3"));
  await told(
    "the node knows",
    (data, event) => event === "node" && data.includes('"haGroup":"pair"'),
  );
  await harness.agent("node3");
  await told("it is online", (data, event) => {
    return event === "ha-group" && data.includes('"node":"node3","isOnline":true');
  });
  const use = { kind: "agent", policy: "all", from: "0.1.0", to: "0.2.0" };
  const slot = { version: 1, group: "pair", node: "node3", use, sinceMs: 5 };
  const key = "upgrade-slots/pair";
  await harness.store.txn({ compare: [], then: [{ kind: "put", key, value: slot }] });
  await told("it upgrades", (data, event) => event === "ha-group" && data.includes("under policy"));
  await harness.store.txn({ compare: [], then: [{ kind: "delete", key }] });
  await harness.call("DELETE", "/v1/ha-groups/pair");
  await told("it is gone", (_data, event) => event === "ha-group-deleted");
});
