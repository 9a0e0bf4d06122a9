import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { request } from "node:http";
import test from "node:test";
import { eventually, listOf, send } from "../harness.ts";
import {
  filesOf,
  lookAt,
  type Member,
  push,
  randomContent,
  startCluster,
  untilCopied,
} from "./cluster.ts";

function only(members: readonly Member[]): Member {
  const [member] = members;
  assert.ok(member !== undefined);
  return member;
}

test("PUT /v1/bundles/:bundle twice with the same content is already there", async (t) => {
  const cluster = await startCluster(t, 2);
  const content = randomContent(100_000);
  const statuses: number[] = [];
  for (const member of [...cluster.members, ...cluster.members]) {
    statuses.push((await push(cluster, member, content, { name: "a" })).status);
  }
  assert.deepEqual(statuses, [201, 200, 200, 200]);
  const audit = await cluster.call(only(cluster.members), "GET", "/v1/audit");
  const actions = listOf(audit.json["items"]).map((entry) => String(entry["action"]));
  assert.deepEqual(
    actions.filter((action) => action.startsWith("bundle.")),
    ["bundle.push"],
  );
});

test("PUT /v1/bundles/:bundle of the same content to two servers at once keeps one", async (t) => {
  const cluster = await startCluster(t, 3);
  const content = randomContent(2_000_000);
  const answers = await Promise.all(
    cluster.members.map((member) => push(cluster, member, content, { name: "a" })),
  );
  for (const { status, text } of answers) assert.ok(status === 200 || status === 201, text);
  await untilCopied(cluster, content, cluster.members);
  for (const member of cluster.members) {
    await eventually("nothing else", async () => (await filesOf(member)).length === 1);
  }
});

test("PUT /v1/bundles/:bundle refuses a name that has other content, and replaces it when told to", async (t) => {
  const cluster = await startCluster(t, 2);
  const member = only(cluster.members);
  const [old, young] = [randomContent(1_000), randomContent(2_000)];
  await push(cluster, member, old, { name: "a" });
  const refused = await push(cluster, member, young, { name: "a" });
  assert.equal(refused.status, 409, refused.text);
  assert.match(String(refused.json["detail"]), /there is a bundle "a" with other content/);
  assert.deepEqual(await filesOf(member), [old.sha256], "nothing of it was kept");
  const replaced = await push(cluster, member, young, { name: "a", replace: true });
  assert.equal(replaced.status, 201, replaced.text);
  await untilCopied(cluster, young, cluster.members);
  for (const each of cluster.members) {
    await eventually("the old one is gone", async () => {
      const files = await filesOf(each);
      return files.length === 1 && files[0] === young.sha256;
    });
  }
});

test("PUT /v1/bundles/:bundle gives content one name, another one when told to", async (t) => {
  const cluster = await startCluster(t, 1);
  const member = only(cluster.members);
  const content = randomContent(1_000);
  await push(cluster, member, content, { name: "a" });
  const refused = await push(cluster, member, content, { name: "b" });
  assert.equal(refused.status, 409, refused.text);
  assert.match(String(refused.json["detail"]), /already and named "a", not "b"/);
  assert.equal((await push(cluster, member, content, { name: "b", replace: true })).status, 200);
  assert.equal((await lookAt(cluster, member, content.sha256)).name, "b");
});

test("PUT /v1/bundles/:bundle of one name with two contents at once lets one win", async (t) => {
  const cluster = await startCluster(t, 3);
  const contents = cluster.members.map(() => randomContent(50_000));
  const answers = await Promise.all(
    cluster.members.map((member, index) =>
      push(cluster, member, contents[index] ?? randomContent(1), { name: "a" }),
    ),
  );
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409]);
  const winner = contents[answers.findIndex(({ status }) => status === 201)];
  assert.ok(winner !== undefined);
  await untilCopied(cluster, winner, cluster.members);
  for (const member of cluster.members) {
    await eventually("no other content", async () => (await filesOf(member)).length === 1);
  }
});

test("PUT /v1/bundles/:bundle keeps nothing of content that is not what its address says", async (t) => {
  const cluster = await startCluster(t, 1);
  const member = only(cluster.members);
  const content = randomContent(100_000);
  const sha256 = createHash("sha256").update("something else").digest("hex");
  const answer = await push(cluster, member, content, { name: "a", sha256 });
  assert.equal(answer.status, 400, answer.text);
  assert.match(String(answer.json["detail"]), /has not the SHA-256/);
  await eventually("no file", async () => (await filesOf(member)).length === 0);
  assert.equal((await cluster.call(member, "GET", "/v1/bundles/a")).status, 404);
});

test("PUT /v1/bundles/:bundle refuses what is too large, before and while it comes", async (t) => {
  const cluster = await startCluster(t, 1);
  const member = only(cluster.members);
  const bounds = { bundles: { fileBytesMax: 1_000, totalBytesMax: 1_500 } };
  const set = await member.harness.call("PATCH", "/v1/settings", { body: bounds });
  assert.equal(set.status, 200, set.text);
  const large = await push(cluster, member, randomContent(1_001), { name: "a" });
  assert.equal(large.status, 413, large.text);
  assert.match(String(large.json["detail"]), /1001 bytes.*bundles.fileBytesMax allows 1000/);
  assert.equal((await push(cluster, member, randomContent(900), { name: "b" })).status, 201);
  const second = await push(cluster, member, randomContent(900), { name: "c" });
  assert.equal(second.status, 413, second.text);
  assert.match(String(second.json["detail"]), /1800 bytes.*totalBytesMax allows 1500/);
  const instead = await push(cluster, member, randomContent(950), { name: "b", replace: true });
  assert.equal(instead.status, 201, instead.text);
});

test("PUT /v1/bundles/:bundle refuses what does not fit on the disk", async (t) => {
  const cluster = await startCluster(t, 1);
  const member = only(cluster.members);
  const most = Number.MAX_SAFE_INTEGER;
  const bounds = { bundles: { fileBytesMax: most, totalBytesMax: most } };
  await member.harness.call("PATCH", "/v1/settings", { body: bounds });
  const { status, text } = await beginPush(member, cluster.token, 2 ** 52, randomContent(10).bytes);
  assert.equal(status, 507, text);
  assert.match(text, /there is no room for 4503599627370496 bytes/);
});

/** Sends a part of what it announces, and reads what is answered all the same. */
function beginPush(
  member: Member,
  token: string,
  sizeBytes: number,
  part: Buffer,
): Promise<{ status: number; text: string }> {
  const url = `${member.harness.server.url}/v1/bundles/${"0".repeat(64)}?name=a`;
  const headers = { authorization: `Bearer ${token}`, "content-length": String(sizeBytes) };
  return new Promise((resolve, reject) => {
    const call = request(url, { method: "PUT", headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () => {
        call.destroy();
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    call.on("error", reject);
    call.write(part);
  });
}

test("PUT /v1/bundles/:bundle that breaks off in the middle leaves nothing", async (t) => {
  const cluster = await startCluster(t, 2);
  const member = only(cluster.members);
  const content = randomContent(1_000_000);
  const url = `${member.harness.server.url}/v1/bundles/${content.sha256}?name=a`;
  const headers = {
    authorization: `Bearer ${cluster.token}`,
    "content-length": String(content.bytes.length),
  };
  const call = request(url, { method: "PUT", headers, agent: false });
  call.on("error", () => undefined); // that is what the test does
  call.write(content.bytes.subarray(0, 500_000));
  await eventually("it has begun", async () => (await filesOf(member)).length === 1);
  call.destroy();
  await eventually("it is gone", async () => (await filesOf(member)).length === 0);
  const list = await cluster.call(member, "GET", "/v1/bundles");
  assert.deepEqual(listOf(list.json["items"]), []);
  assert.equal((await push(cluster, member, content, { name: "a" })).status, 201);
});

test("a server that is closed in the middle of a push and of its wait ends at once", async (t) => {
  const cluster = await startCluster(t, 1);
  const member = only(cluster.members);
  await cluster.register("2", "http://127.0.0.1:9");
  const content = randomContent(1_000);
  const waiting = push(cluster, member, content, { name: "a", waitMs: 60_000 });
  await eventually("it waits", async () => {
    const list = await cluster.call(member, "GET", "/v1/bundles");
    return listOf(list.json["items"]).length === 1;
  });
  const url = `${member.harness.server.url}/v1/bundles/${"0".repeat(64)}?name=b`;
  const headers = { authorization: `Bearer ${cluster.token}`, "content-length": "1000" };
  const call = request(url, { method: "PUT", headers, agent: false });
  const broken = new Promise((resolve) => call.on("error", resolve).on("response", resolve));
  call.write("part of it");
  await eventually("it has begun", async () => (await filesOf(member)).length === 2);
  const beganMs = performance.now();
  await member.harness.server.close();
  assert.ok(performance.now() - beganMs < 10_000, "it does not wait for them");
  assert.equal((await waiting).status, 503);
  await broken;
});

test("bundles are refused without a name, a size or an address that could be one", async (t) => {
  const cluster = await startCluster(t, 1);
  const member = only(cluster.members);
  const { sha256, bytes } = randomContent(10);
  const calls: readonly (readonly [string, RegExp])[] = [
    [`/v1/bundles/${sha256}`, /name: is missing/],
    [`/v1/bundles/${sha256}?name=..`, /name: use letters/],
    [`/v1/bundles/${sha256}?name=${sha256}`, /name: .*no SHA-256/],
    [`/v1/bundles/${sha256}?name=a&waitMs=60001`, /waitMs: it can be at most 60000/],
    ["/v1/bundles/abc?name=a", /is no SHA-256/],
    [`/v1/bundles/${sha256.toUpperCase()}?name=a`, /is no SHA-256/],
  ];
  for (const [path, expected] of calls) {
    const answer = await send(member.harness.server.url, "PUT", path, {
      token: cluster.token,
      rawBody: bytes,
    });
    assert.equal(answer.status, 400, path);
    assert.match(answer.text, expected);
  }
  const empty = await cluster.call(member, "PUT", `/v1/bundles/${sha256}?name=a`);
  assert.equal(empty.status, 400, empty.text);
  assert.match(empty.text, /send the file as the body/);
});

test("/v1/peers/bundles is for servers of the cluster only", async (t) => {
  const cluster = await startCluster(t, 2);
  const member = only(cluster.members);
  const content = randomContent(1_000);
  await push(cluster, member, content, { name: "a" });
  const path = `/v1/peers/bundles/${content.sha256}`;
  const nobody = `Holdfast-Peer 2 ${"A".repeat(43)}`;
  const callers = [
    [`Bearer ${cluster.token}`, 403],
    [`Bearer ${await member.harness.agentToken("node1")}`, 403],
    [nobody, 401],
    ["Holdfast-Peer", 401],
    ["", 401],
  ] as const;
  for (const [authorization, status] of callers) {
    for (const each of [path, `${path}/verification`]) {
      const answer = await send(member.harness.server.url, "GET", each, {
        headers: { authorization },
      });
      assert.equal(answer.status, status, `${each} with "${authorization}"`);
    }
  }
});

test("PUT and DELETE /v1/bundles need permissions that a viewer does not have", async (t) => {
  const cluster = await startCluster(t, 1);
  const member = only(cluster.members);
  const body = { role: "viewer", name: "looks on" };
  const made = await member.harness.call("POST", "/v1/tokens", { body });
  assert.equal(made.status, 201, made.text);
  const viewer = { ...cluster, token: String(made.json["token"]) };
  const content = randomContent(1_000);
  const refused = await push(viewer, member, content, { name: "a" });
  assert.equal(refused.status, 403, refused.text);
  assert.match(String(refused.json["detail"]), /"bundle\.push"/);
  assert.equal((await push(cluster, member, content, { name: "a" })).status, 201);
  const removal = await send(member.harness.server.url, "DELETE", "/v1/bundles/a", viewer);
  assert.equal(removal.status, 403, removal.text);
  assert.match(String(removal.json["detail"]), /"bundle\.remove"/);
  const look = await send(member.harness.server.url, "GET", "/v1/bundles/a", viewer);
  assert.equal(look.status, 200, look.text);
});
