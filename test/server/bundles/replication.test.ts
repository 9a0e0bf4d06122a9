import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { eventually } from "../harness.ts";
import {
  type Cluster,
  filesOf,
  lookAt,
  type Member,
  push,
  randomContent,
  read,
  startCluster,
  untilCopied,
} from "./cluster.ts";

function memberOf(cluster: Cluster, index: number): Member {
  const member = cluster.members[index];
  assert.ok(member !== undefined);
  return member;
}

test("a push is answered when a majority has copies, and all get one soon after", async (t) => {
  const cluster = await startCluster(t, 3);
  const content = randomContent(3_000_000);
  const answer = await push(cluster, memberOf(cluster, 1), content, { name: "a.tar" });
  assert.equal(answer.status, 201, answer.text);
  assert.ok(Number(answer.json["copies"]?.["length"]) >= 2, answer.text);
  assert.equal(String(answer.json["isSafe"]), "true");
  await untilCopied(cluster, content, cluster.members);
  for (const member of cluster.members) {
    const bytes = await read(cluster, member, "a.tar");
    assert.ok(bytes?.equals(content.bytes), `server ${member.id} serves it`);
  }
});

test("the loss of the server that took a push costs nothing", async (t) => {
  const cluster = await startCluster(t, 3);
  const content = randomContent(500_000);
  const first = memberOf(cluster, 0);
  assert.equal((await push(cluster, first, content, { name: "b" })).status, 201);
  await first.harness.server.close(); // right after the answer
  const others = [memberOf(cluster, 1), memberOf(cluster, 2)];
  await untilCopied(cluster, content, others);
  for (const other of others) assert.ok((await read(cluster, other, "b"))?.equals(content.bytes));
});

test("a push without a majority is refused with what is where, and carried on", async (t) => {
  const cluster = await startCluster(t, 1);
  const first = memberOf(cluster, 0);
  await cluster.register("2", "http://127.0.0.1:9");
  await cluster.register("3", "http://127.0.0.1:9");
  const content = randomContent(10_000);
  const answer = await push(cluster, first, content, { name: "c", waitMs: 100 });
  assert.equal(answer.status, 503, answer.text);
  assert.equal(String(answer.json["code"]), "not-replicated");
  assert.match(
    String(answer.json["detail"]),
    /on 1 of 3 servers \(1\), 2 are needed; missing on 2, 3/,
  );
  assert.equal((await lookAt(cluster, first, "c")).isSafe, false);
  const second = await cluster.start("2");
  await untilCopied(cluster, content, [first, second]);
  assert.equal((await lookAt(cluster, first, "c")).isSafe, true);
  const again = await push(cluster, first, content, { name: "c" });
  assert.equal(again.status, 200, again.text);
});

test("a server that joins later fetches everything, and serves before it has", async (t) => {
  const cluster = await startCluster(t, 2);
  const contents = [randomContent(400_000), randomContent(1), randomContent(70_000)];
  for (const [index, content] of contents.entries()) {
    const answer = await push(cluster, memberOf(cluster, 0), content, { name: `d${index}` });
    assert.equal(answer.status, 201, answer.text);
  }
  const late = await cluster.start("3");
  for (const [index, content] of contents.entries()) {
    assert.ok((await read(cluster, late, `d${index}`))?.equals(content.bytes));
  }
  for (const content of contents) await untilCopied(cluster, content, [late]);
});

test("removal deletes record and files everywhere, also of a server that was away", async (t) => {
  const cluster = await startCluster(t, 3);
  const content = randomContent(20_000);
  const [first, second, third] = [0, 1, 2].map((index) => memberOf(cluster, index));
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await push(cluster, first, content, { name: "e" });
  await untilCopied(cluster, content, cluster.members);
  await third.harness.server.close();
  const removed = await cluster.call(second, "DELETE", "/v1/bundles/e");
  assert.equal(removed.status, 204, removed.text);
  for (const member of [first, second]) {
    await eventually(`no file on ${member.id}`, async () => (await filesOf(member)).length === 0);
  }
  assert.deepEqual(await filesOf(third), [content.sha256]);
  const back = await cluster.start("3", join(third.folder, ".."));
  await eventually("no file on 3", async () => (await filesOf(back)).length === 0);
  const left = await cluster.store.range("bundle");
  assert.ok(left.ok);
  assert.deepEqual(left.value.entries, []);
  const missing = await cluster.call(first, "GET", "/v1/bundles/e/content");
  assert.equal(missing.status, 404);
});

async function damage(member: Member, sha256: string): Promise<void> {
  const file = await open(join(member.folder, sha256), "r+");
  await file.write(Buffer.from([0x5a, 0xa5, 0x5a]), 0, 3, 1_000);
  await file.close();
}

async function oneDamaged(t: TestContext) {
  const cluster = await startCluster(t, 2);
  const content = randomContent(300_000);
  const [first, second] = [memberOf(cluster, 0), memberOf(cluster, 1)];
  await push(cluster, first, content, { name: "f" });
  await untilCopied(cluster, content, cluster.members);
  await damage(first, content.sha256);
  return { cluster, content, first, second };
}

test("a damaged copy is noticed when it is served, never read to its end, and fetched anew", async (t) => {
  const { cluster, content, first } = await oneDamaged(t);
  assert.equal(await read(cluster, first, "f"), undefined, "the answer breaks off");
  await eventually("it is whole again", async () => {
    const bytes = await readFile(join(first.folder, content.sha256)).catch(() => undefined);
    return bytes?.equals(content.bytes) === true;
  });
  await untilCopied(cluster, content, cluster.members);
  assert.ok((await read(cluster, first, "f"))?.equals(content.bytes));
});

test("verification tells the state of each copy and mends damaged ones", async (t) => {
  const { cluster, content, first, second } = await oneDamaged(t);
  await cluster.register("3", "http://127.0.0.1:9");
  const path = "/v1/bundles/f/verification";
  const answer = await cluster.call(second, "GET", path);
  assert.equal(answer.status, 200, answer.text);
  const servers: unknown = answer.json["servers"];
  assert.ok(Array.isArray(servers));
  const results = servers.map((each) => `${each.server} ${each.result}`);
  assert.deepEqual(results, ["1 damaged", "2 ok", "3 unreachable"]);
  await untilCopied(cluster, content, [first, second]);
  const after = await cluster.call(first, "GET", path);
  assert.match(after.text, /"server":"1","result":"ok"/);
});

test("a copy that was damaged or lost while its server was away is fetched anew at its start", async (t) => {
  const cluster = await startCluster(t, 2);
  const first = memberOf(cluster, 0);
  const contents = [randomContent(50_000), randomContent(60_000), randomContent(70_000)];
  for (const [index, content] of contents.entries()) {
    await push(cluster, first, content, { name: `g${index}` });
    await untilCopied(cluster, content, cluster.members);
  }
  await first.harness.server.close();
  const [bent, cut, gone] = contents;
  assert.ok(bent !== undefined && cut !== undefined && gone !== undefined);
  await damage(first, bent.sha256);
  await truncate(join(first.folder, cut.sha256), 100);
  await rm(join(first.folder, gone.sha256));
  await writeFile(join(first.folder, ".push-left-over"), "x");
  const back = await cluster.start("1", join(first.folder, ".."));
  for (const content of contents) {
    await eventually(`${content.sha256} is whole`, async () => {
      const bytes = await readFile(join(back.folder, content.sha256)).catch(() => undefined);
      return bytes?.equals(content.bytes) === true;
    });
    await untilCopied(cluster, content, [back]);
  }
  assert.deepEqual((await filesOf(back)).sort(), contents.map(({ sha256 }) => sha256).sort());
});

test("a fetch that breaks off goes on where it was, and from another server", async (t) => {
  const cluster = await startCluster(t, 1);
  const first = memberOf(cluster, 0);
  const content = randomContent(900_000);
  await push(cluster, first, content, { name: "h" });
  // A server that says that it has a copy and breaks off in the middle of it.
  const ranges: (string | undefined)[] = [];
  const half = createServer((request, response) => {
    ranges.push(request.headers.range);
    const fromByte = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    response.writeHead(fromByte === 0 ? 200 : 206, { "content-length": content.bytes.length });
    response.write(content.bytes.subarray(fromByte, fromByte + 100_000), () => response.destroy());
  });
  await new Promise<void>((resolve) => half.listen(0, "127.0.0.1", resolve));
  t.after(() => half.close());
  const address = half.address();
  assert.ok(typeof address === "object" && address !== null);
  await first.harness.server.close(); // so that the new one can only ask the other
  await cluster.register("2", `http://127.0.0.1:${address.port}`);
  const value = { version: 1, atMs: 0 };
  const key = `bundle-copies/${content.sha256}/2`;
  await cluster.store.txn({ compare: [], then: [{ kind: "put", key, value }] });
  const third = await cluster.start("3");
  await eventually("it asked for the rest", () => ranges.some((range) => range !== undefined));
  await cluster.start("1", join(first.folder, ".."));
  await untilCopied(cluster, content, [third]);
  assert.equal(ranges[0], undefined, "first from the beginning");
  assert.match(String(ranges.find((range) => range !== undefined)), /^bytes=\d+-$/);
});

test("a server that sends other content is not believed, the next one is asked", async (t) => {
  const cluster = await startCluster(t, 1);
  const first = memberOf(cluster, 0);
  const content = randomContent(200_000);
  await push(cluster, first, content, { name: "i" });
  let asked = 0;
  const liar = createServer((_request, response) => {
    asked += 1;
    response.end(Buffer.alloc(content.bytes.length));
  });
  await new Promise<void>((resolve) => liar.listen(0, "127.0.0.1", resolve));
  t.after(() => liar.close());
  const address = liar.address();
  assert.ok(typeof address === "object" && address !== null);
  await first.harness.server.close();
  await cluster.register("2", `http://127.0.0.1:${address.port}`);
  const key = `bundle-copies/${content.sha256}/2`;
  await cluster.store.txn({
    compare: [],
    then: [{ kind: "put", key, value: { version: 1, atMs: 0 } }],
  });
  const third = await cluster.start("3");
  await eventually("the liar was asked", () => asked > 0);
  assert.deepEqual((await lookAt(cluster, third, "i")).copies, ["1", "2"]);
  await cluster.start("1", join(first.folder, ".."));
  await untilCopied(cluster, content, [third]);
});

test("the copies of a server that is no more are forgotten", async (t) => {
  const cluster = await startCluster(t, 3);
  const content = randomContent(1_000);
  await push(cluster, memberOf(cluster, 0), content, { name: "j" });
  await untilCopied(cluster, content, cluster.members);
  await memberOf(cluster, 2).harness.server.close();
  await cluster.unregister("3");
  await eventually("its records are gone", async () => {
    const copy = await cluster.store.get(`bundle-copies/${content.sha256}/3`);
    const proof = await cluster.store.get("peer-proofs/3");
    assert.ok(copy.ok && proof.ok);
    return copy.value.entry === undefined && proof.value.entry === undefined;
  });
  const { copies, missing, majority } = await lookAt(cluster, memberOf(cluster, 0), "j");
  assert.deepEqual([copies, missing, majority], [["1", "2"], [], 2]);
});

test("a server without room says so, and fetches once there is some", async (t) => {
  const cluster = await startCluster(t, 1);
  const first = memberOf(cluster, 0);
  const folder = await mkdtemp(join(tmpdir(), "holdfast-room-"));
  t.after(async () => {
    spawnSync("umount", ["--lazy", folder]);
    await rm(folder, { recursive: true, force: true });
  });
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]);
  if (mounted.status !== 0) {
    t.skip("needs a root that may mount");
    return;
  }
  await cluster.start("2", folder);
  const content = randomContent(3_000);
  const answer = await push(cluster, first, content, { name: "k", waitMs: 0 });
  assert.equal(answer.status, 503, answer.text);
  await eventually("it says why", async () => {
    const { text } = await cluster.call(first, "GET", "/v1/bundles/k/verification");
    return /"server":"2","result":"missing","detail":"[^"]*there is no room for 3000/.test(text);
  });
  spawnSync("mount", ["-o", "remount,size=400m", folder]);
  await untilCopied(cluster, content, [memberOf(cluster, 1)]);
});
