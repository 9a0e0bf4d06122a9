/** Nodes, users, status and credentials, as the exchange's command line knows them. */
import assert from "node:assert/strict";
import test from "node:test";
import { basic, makeToken, password } from "../server/access/support.ts";
import { auditOf, register } from "../server/ha-groups/support.ts";
import type { Json } from "../server/harness.ts";
import { ExchangeClient } from "./exchange-client.ts";
import { startWorld } from "./support.ts";

function nodeIn(json: Json, name: string): Json | undefined {
  return json["nodes"]?.[`holdfast/${name}`];
}

test("node create, list, confirm, settoken, update and remove", async (t) => {
  const { harness, anna } = await startWorld(t);
  const missing = await anna.nodes("edge1");
  assert.deepEqual([missing.status, missing.json], [404, { nodes: {}, lastIndex: 0 }]);
  const made = await anna.putNode("edge1", "first secret", { pattern: "holdfast/cam", arch: "" });
  assert.deepEqual([made.status, String(made.json["code"])], [201, "ok"], made.text);
  const shown = await anna.nodes("edge1");
  assert.equal(shown.status, 200);
  const { lastUpdated, ...node } = nodeIn(shown.json, "edge1") ?? {};
  assert.match(String(lastUpdated), /Z\[UTC\]$/);
  assert.deepEqual(node, {
    token: "********",
    name: "edge1",
    owner: "holdfast/anna",
    nodeType: "device",
    clusterNamespace: "",
    isNamespaceScoped: false,
    pattern: "holdfast/cam",
    registeredServices: [],
    userInput: [],
    msgEndPoint: "",
    softwareVersions: {},
    lastHeartbeat: "",
    publicKey: "",
    arch: "",
    heartbeatIntervals: { minInterval: 0, maxInterval: 0, intervalAdjustment: 0 },
    ha_group: "",
  });
  assert.deepEqual(Object.keys((await anna.nodes()).json["nodes"] ?? {}), [
    "holdfast/edge1",
    "holdfast/node1",
    "holdfast/node2",
    "holdfast/node3",
    "holdfast/node4",
  ]);
  const confirm = (secret: string) =>
    new ExchangeClient(harness, { id: "holdfast/edge1", secret }).nodes("edge1");
  assert.equal((await confirm("first secret")).status, 200);
  assert.equal((await confirm("another")).status, 401);
  const changed = await anna.patchNode("edge1", { token: "second secret" });
  assert.equal(changed.status, 201, changed.text);
  assert.equal((await confirm("first secret")).status, 401);
  assert.equal((await confirm("second secret")).status, 200);
  await anna.patchNode("edge1", { pattern: "" });
  assert.equal(String(nodeIn((await anna.nodes("edge1")).json, "edge1")?.["pattern"]), "");
  assert.equal((await confirm("second secret")).status, 200, "only what is given is changed");
  const own = await harness.call("GET", "/v1/nodes/edge1");
  assert.deepEqual([own.status, String(own.json["type"])], [200, "device"]);
  for (const text of [own.text, (await harness.call("GET", "/v1/audit")).text]) {
    assert.doesNotMatch(text, /(first|second) secret|scrypt/, "no secret is shown");
  }
  const stored = await harness.store.get("nodes/edge1");
  assert.ok(stored.ok);
  assert.doesNotMatch(JSON.stringify(stored.value.entry), /second secret/);
  assert.equal((await anna.deleteNode("edge1")).status, 204);
  assert.equal((await anna.deleteNode("edge1")).status, 404);
  assert.equal((await confirm("second secret")).status, 401);
  const again = await anna.putNode("edge1", "third secret");
  assert.equal(again.status, 201, again.text);
  assert.equal((await confirm("second secret")).status, 401, "the old secret went with the node");
  const actions = (await auditOf(harness)).filter((line) => line.endsWith(" edge1"));
  assert.deepEqual(actions, [
    "node.register edge1",
    "node.remove edge1",
    "node.describe edge1",
    "node.describe edge1",
    "node.register edge1",
  ]);
});

test("a node that was registered is the machine's that comes in under its name", async (t) => {
  const { harness, anna } = await startWorld(t);
  await anna.putNode("edge1", "secret");
  await anna.postGroup("pair", { members: ["edge1"] });
  const joined = await register(harness, "edge1", { properties: { architecture: "x64" } });
  assert.deepEqual([joined.status, String(joined.json["haGroup"])], [200, "pair"], joined.text);
  await harness.agent("edge1");
  const node = nodeIn((await anna.nodes("edge1")).json, "edge1");
  assert.equal(String(node?.["owner"]), "holdfast/anna");
  assert.equal(String(node?.["softwareVersions"]?.["holdfast"]), "1");
  assert.match(String(node?.["lastHeartbeat"]), /Z\[UTC\]$/);
  const live = await anna.deleteNode("edge1");
  assert.deepEqual([live.status, String(live.json["code"])], [400, "invalid-input"]);
  assert.match(String(live.json["msg"]), /holds a live lease; stop its agent first/);
});

test("who may do what with nodes", async (t) => {
  const { harness, anna, otto, olga, vera } = await startWorld(t);
  assert.deepEqual(Object.keys((await otto.nodes()).json["nodes"] ?? {}), [
    "holdfast/node1",
    "holdfast/node2",
  ]);
  assert.equal((await vera.nodes()).status, 404, "none is hers");
  assert.equal((await otto.nodes("node3")).status, 403);
  assert.equal((await otto.putNode("node9", "secret")).status, 201, "a name that is his");
  assert.equal((await otto.putNode("edge1", "secret")).status, 403);
  assert.equal((await olga.putNode("node1", "secret")).status, 403);
  assert.equal((await olga.patchNode("node1", { token: "mine" })).status, 403);
  assert.equal((await olga.deleteNode("node1")).status, 403);
  assert.equal((await otto.deleteNode("node1")).status, 204);
  const self = new ExchangeClient(harness, { id: "holdfast/node9", secret: "secret" });
  assert.deepEqual(Object.keys((await self.nodes()).json["nodes"] ?? {}), ["holdfast/node9"]);
  assert.equal((await self.patchNode("node9", { pattern: "own" })).status, 201);
  const forbidden = [
    await self.patchNode("node2", { pattern: "x" }),
    await self.putNode("edge2", "x"),
    await self.nodes("node2"),
    await self.deleteNode("node9"),
    await self.groups(),
    await self.postGroup("x", {}),
    await self.postMember("x", "node9"),
    await self.deleteGroup("x"),
    await self.user("otto"),
  ];
  for (const answer of forbidden) {
    assert.deepEqual(
      [answer.status, String(answer.json["code"])],
      [403, "access-denied"],
      answer.text,
    );
  }
  assert.equal((await anna.nodes("edge2")).status, 404);
});

test("bad nodes are refused with what is wrong, and nothing is made", async (t) => {
  const { anna } = await startWorld(t);
  const bad: readonly (readonly [string, object, RegExp])[] = [
    ["Edge_1", {}, /cannot be a node name/],
    ["edge1", { nodeType: "toaster" }, /nodeType/],
    ["edge1", { token: 5 }, /token/],
    ["edge1", { name: null }, /name/],
    ["edge1", { token: "x".repeat(1_001) }, /token/],
  ];
  for (const [name, more, words] of bad) {
    const answer = await anna.putNode(name, "secret", more);
    assert.deepEqual(
      [answer.status, String(answer.json["code"])],
      [400, "invalid-input"],
      answer.text,
    );
    assert.match(String(answer.json["msg"]), words);
  }
  const body = await anna.call("PUT", "orgs/holdfast/nodes/edge1", []);
  assert.equal(body.status, 400);
  assert.equal((await anna.nodes("edge1")).status, 404);
  const unknown = await anna.patchNode("node1", { userInput: [] });
  assert.deepEqual([unknown.status, String(unknown.json["code"])], [400, "invalid-input"]);
  assert.match(String(unknown.json["msg"]), /userInput: unknown field/);
  const other = await anna.putNode("node1", "", { nodeType: "cluster" });
  assert.match(String(other.json["msg"]), /is a device and cannot become another/);
  assert.equal((await anna.patchNode("edge1", { token: "x" })).status, 404);
  await anna.putNode("k8s", "secret", { nodeType: "cluster" });
  const group = await anna.postGroup("pair", { members: ["node1", "k8s"] });
  assert.equal(group.status, 400);
  assert.match(String(group.json["msg"]), /"k8s" is of type cluster/);
});

test("credentials: which ones count, and for whom", async (t) => {
  const { harness, anna } = await startWorld(t);
  const agent = await harness.agentToken("node1");
  const own = await makeToken(
    harness,
    { role: "user", own: true, name: "laptop" },
    await tokenOf(harness, "anna"),
  );
  const program = await makeToken(harness, { role: "admin", name: "robot" });
  const cases: readonly (readonly [string, string, number])[] = [
    ["holdfast/anna", password, 200],
    ["holdfast/anna", own, 200],
    ["holdfast/robot", program, 200],
    ["holdfast/otto", own, 401],
    ["holdfast/anna", program, 401],
    ["holdfast/anna", "wrong", 401],
    ["holdfast/nobody", password, 401],
    ["elsewhere/anna", password, 401],
    ["anna", password, 401],
    ["holdfast/anna", `${own}x`, 401],
    ["holdfast/node2", agent, 401],
    ["holdfast/node1", "", 401],
  ];
  for (const [id, secret, status] of cases) {
    const answer = await new ExchangeClient(harness, { id, secret }).nodes();
    assert.equal(answer.status, status, `${id}: ${answer.text}`);
    if (status === 401) assert.equal(String(answer.json["code"]), "invalid-credentials");
  }
  const self = await new ExchangeClient(harness, { id: "holdfast/node1", secret: agent }).nodes();
  assert.deepEqual(Object.keys(self.json["nodes"] ?? {}), ["holdfast/node1"]);
  const nobody = await new ExchangeClient(harness, undefined).groups();
  assert.deepEqual([nobody.status, String(nobody.json["code"])], [401, "invalid-credentials"]);
  assert.match(String(nobody.headers["www-authenticate"]), /^Basic realm=/);
  const bearer = await harness.call("GET", "/v1/orgs/holdfast/hagroups");
  assert.equal(bearer.status, 401, "a bearer token is no credential of the exchange");
  const plain = await harness.call("GET", "/v1/ha-groups", {
    token: undefined,
    headers: basic("holdfast/anna"),
  });
  assert.equal(plain.status, 401, "nor is the organisation's name one of the own API");
  for (let attempt = 0; attempt < 6; attempt += 1) {
    await new ExchangeClient(harness, { id: "holdfast/olga", secret: `guess ${attempt}` }).nodes();
  }
  const slowed = await new ExchangeClient(harness, {
    id: "holdfast/olga",
    secret: password,
  }).nodes();
  assert.equal(slowed.status, 429, "guessing is slowed down here too");
  assert.equal((await anna.nodes()).status, 200);
});

async function tokenOf(harness: Parameters<typeof makeToken>[0], user: string): Promise<string> {
  const answer = await harness.call("POST", "/v1/login", {
    token: undefined,
    body: { user, password },
  });
  return String(answer.json["token"]);
}

test("users, status and version", async (t) => {
  const { harness, anna, otto } = await startWorld(t);
  const self = await otto.user("otto");
  const { lastUpdated, ...shown } = self.json["users"]?.["holdfast/otto"] ?? {};
  assert.match(String(lastUpdated), /Z\[UTC\]$/);
  assert.deepEqual(
    [self.status, shown],
    [200, { password: "********", admin: false, hubAdmin: false, email: "", updatedBy: "" }],
  );
  const admin = (await anna.user("anna")).json["users"]?.["holdfast/anna"];
  assert.equal(String(admin?.["admin"]), "true");
  assert.equal((await anna.user("otto")).status, 200);
  assert.equal((await otto.user("anna")).status, 403);
  const missing = await anna.user("nobody");
  assert.deepEqual([missing.status, missing.json], [404, { users: {}, lastIndex: 0 }]);
  const status = await otto.call("GET", "admin/status");
  assert.deepEqual(status.json, {
    msg: "Exchange server operating normally",
    numberOfUsers: 4,
    numberOfNodes: 4,
    numberOfNodeAgreements: 0,
    numberOfNodeMsgs: 0,
    numberOfAgbots: 0,
    numberOfAgbotAgreements: 0,
    numberOfAgbotMsgs: 0,
    dbSchemaVersion: 1,
  });
  assert.deepEqual((await otto.call("GET", "orgs/holdfast/status")).json, status.json);
  assert.equal((await otto.call("GET", "orgs/elsewhere/status")).status, 404);
  const nobody = new ExchangeClient(harness, undefined);
  assert.equal((await nobody.call("GET", "admin/status")).status, 401);
  const version = await nobody.call("GET", "admin/version");
  assert.deepEqual([version.status, version.text], [200, "0.0.0-test\n"]);
  assert.match(String(version.headers["content-type"]), /^text\/plain/);
});

test("the organisation's name is a setting, and the own API knows nothing of the facade's routes", async (t) => {
  const { harness } = await startWorld(t);
  const changed = await harness.call("PATCH", "/v1/settings", {
    body: { compat: { organisation: "acme" } },
  });
  assert.equal(changed.status, 200, changed.text);
  const anna = new ExchangeClient(harness, { id: "acme/anna", secret: password }, "acme");
  assert.ok(Object.keys((await anna.nodes()).json["nodes"] ?? {}).includes("acme/node1"));
  const before = new ExchangeClient(harness, { id: "holdfast/anna", secret: password });
  assert.equal((await before.nodes()).status, 401);
  const bad = await harness.call("PATCH", "/v1/settings", {
    body: { compat: { organisation: "a/b" } },
  });
  assert.equal(bad.status, 400);
  const document = await harness.call("GET", "/openapi.json");
  assert.doesNotMatch(document.text, /\/v1\/(orgs|admin)/);
});
