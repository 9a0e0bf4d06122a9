/** `bundle ...` against a real server, and what a real server process does with a file that is larger than its memory may grow. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startHarness } from "../server/harness.ts";
import { type Bench, createBench, type Ran } from "./harness.ts";
import { eventually, type Program, start } from "./program.ts";

interface Desk extends Bench {
  readonly bundles: string;
  cli(...words: string[]): Promise<Ran>;
}

async function createDesk(t: TestContext): Promise<Desk> {
  const bench = await createBench(t);
  const { server, adminToken, dataDirectory } = await startHarness(t);
  const environment = { HOLDFAST_SERVER: server.url, HOLDFAST_TOKEN: adminToken };
  return {
    ...bench,
    bundles: join(dataDirectory, "bundles"),
    cli: (...words) => bench.run(words, { environment }),
  };
}

test("bundle push, list, get, verify and remove work together", async (t) => {
  const desk = await createDesk(t);
  assert.match((await desk.cli("bundle", "list")).out, /no bundles; push one with/);
  const path = await desk.file("licence.txt", "to whom it may concern\n");
  const sha256 = createHash("sha256").update("to whom it may concern\n").digest("hex");
  const pushed = await desk.cli("bundle", "push", path);
  assert.equal(pushed.err, "");
  assert.equal(pushed.out, `licence.txt (23 B, ${sha256}) is pushed: on the server\n`);
  const again = await desk.cli("bundle", "push", path);
  assert.equal(again.out, `licence.txt (23 B, ${sha256}) is there already: on the server\n`);
  const list = await desk.cli("bundle", "list");
  assert.match(list.out, /NAME +SIZE +COPIES +MISSING ON/);
  assert.match(list.out, /licence\.txt +23 B +1 of 1 +-/);
  const out = join(desk.folder, "copy.txt");
  for (const words of ["licence.txt", sha256]) {
    const got = await desk.cli("bundle", "get", words, "--out", out);
    assert.deepEqual([got.code, got.err], [0, ""]);
    assert.equal(await readFile(out, "utf8"), "to whom it may concern\n");
    await rm(out);
  }
  const verified = await desk.cli("bundle", "verify");
  assert.deepEqual([verified.code, /licence\.txt +\S+ +ok/.test(verified.out)], [0, true]);
  const removed = await desk.cli("bundle", "remove", "licence.txt");
  assert.equal(removed.out, "licence.txt is removed from all servers\n");
  assert.equal((await desk.cli("bundle", "list", "-o", "json")).code, 0);
  await eventually("no file", async () => (await readdir(desk.bundles)).length === 0 || undefined);
});

test("bundle verify tells of damage, and get does not take damaged content", async (t) => {
  const desk = await createDesk(t);
  const path = await desk.file("a", "content that is about to be damaged");
  await desk.cli("bundle", "push", path);
  const [sha256 = ""] = await readdir(desk.bundles);
  await writeFile(join(desk.bundles, sha256), "content that is not what it has been");
  const out = join(desk.folder, "out");
  const got = await desk.cli("bundle", "get", "a", "--out", out);
  assert.equal(got.code, 1, got.out);
  assert.deepEqual((await readdir(desk.folder)).includes("out.part"), false);
  await assert.rejects(readFile(out), { code: "ENOENT" });
  const verified = await desk.cli("bundle", "verify", "a");
  assert.equal(verified.code, 1);
  assert.match(verified.err, /1 copy is not as it should be/);
  const back = await desk.cli("bundle", "push", path);
  assert.equal(back.code, 0, back.err);
  assert.equal((await desk.cli("bundle", "verify", "a")).code, 0);
});

test("bundle says in one line what cannot be done", async (t) => {
  const desk = await createDesk(t);
  const [path, other, empty] = [
    await desk.file("a", "one"),
    await desk.file("b", "another"),
    await desk.file("empty", ""),
  ];
  await desk.cli("bundle", "push", path);
  const kept = join(desk.folder, "a");
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["push", join(desk.folder, "none")], 2, /cannot read .*none: no such/],
    [["push", desk.folder], 2, /is no file/],
    [["push", empty], 2, /is empty/],
    [["push", path, "--name", "a/b"], 2, /"a\/b" cannot be a bundle's name/],
    [["push", other, "--name", "a"], 4, /there is a bundle "a" with other content/],
    [["push", path, "--name", "c"], 4, /there already and named "a", not "c"/],
    [["get", "none"], 3, /there is no bundle "none".*holdfast bundle list/s],
    [["remove", "none"], 3, /there is no bundle "none"/],
    [["verify", "none"], 3, /there is no bundle "none"/],
    [["get", "a", "--out", kept], 1, /cannot write .*: it is there already/],
    [
      ["get", "a", "--out", join(desk.folder, "x", "y")],
      2,
      /cannot write .*no such file or folder/,
    ],
  ];
  for (const [words, code, expected] of cases) {
    const ran = await desk.cli("bundle", ...words);
    assert.equal(ran.code, code, `${words.join(" ")}: ${ran.err}`);
    assert.match(ran.err, expected);
  }
  assert.equal(await readFile(kept, "utf8"), "one", "what was there is still there");
  assert.equal((await desk.cli("bundle", "push", other, "--name", "a", "--replace")).code, 0);
});

interface RealServer {
  readonly program: Program;
  readonly url: string;
  readonly token: string;
  readonly bundles: string;
}

async function startReal(t: TestContext, data: string): Promise<RealServer> {
  const program = start(["server", "run", "--data", data, "--listen", "127.0.0.1:0"]);
  t.after(() => program.child.kill("SIGKILL"));
  const url = await eventually("the server's address", () => {
    assert.equal(program.child.exitCode, null, "the server runs");
    return /listens on (http:\/\/[^"\s]+)/.exec(program.output())?.[1];
  });
  const token = (await readFile(join(data, "admin.token"), "utf8")).trim();
  return { program, url, token, bundles: join(data, "bundles") };
}

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "holdfast-bundle-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The most memory that a process has ever had, in bytes. */
async function peakBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}

const largeBytes = 200 * 1_024 * 1_024;

test("bundle push and get of 200 MiB grow the server's memory by less than half of it", async (t) => {
  const folder = await temporaryFolder(t);
  const server = await startReal(t, join(folder, "data"));
  const path = join(folder, "large");
  const file = await open(path, "wx");
  const block = randomBytes(4 * 1_024 * 1_024);
  for (let bytes = 0; bytes < largeBytes; bytes += block.length) {
    block.writeUInt32LE(bytes);
    await file.appendFile(block);
  }
  await file.close();
  const environment = { HOLDFAST_SERVER: server.url, HOLDFAST_TOKEN: server.token };
  const small = await start(
    ["bundle", "push", join(import.meta.dirname, "bundle.test.ts")],
    environment,
  ).ended;
  assert.equal(small.code, 0, small.err);
  const beforeBytes = await peakBytes(server.program.child.pid);
  const pushed = await start(["bundle", "push", path], environment).ended;
  assert.equal(pushed.code, 0, pushed.err);
  const out = join(folder, "copy");
  const got = await start(["bundle", "get", "large", "--out", out], environment).ended;
  assert.equal(got.code, 0, got.err);
  const grownBytes = (await peakBytes(server.program.child.pid)) - beforeBytes;
  t.diagnostic(`the server's peak grew by ${Math.round(grownBytes / 1_024 ** 2)} MiB`);
  assert.ok(grownBytes < largeBytes / 2, `it grew by ${grownBytes} bytes`);
});

test("a server that is killed in the middle of a push has nothing of it, after the answer it has all", async (t) => {
  const folder = await temporaryFolder(t);
  const data = join(folder, "data");
  const first = await startReal(t, data);
  const content = randomBytes(3_000_000);
  const sha256 = createHash("sha256").update(content).digest("hex");
  const headers = {
    authorization: `Bearer ${first.token}`,
    "content-length": String(content.length),
  };
  const url = `${first.url}/v1/bundles/${sha256}?name=a`;
  const call = request(url, { method: "PUT", headers, agent: false });
  call.on("error", () => undefined); // the server is killed
  call.write(content.subarray(0, 2_000_000));
  await eventually("it has begun", async () => (await readdir(first.bundles))[0]);
  first.program.child.kill("SIGKILL");
  await first.program.ended;
  const left = await readdir(first.bundles);
  assert.deepEqual([left.length, left[0]?.startsWith(".push-")], [1, true]);

  const second = await startReal(t, data);
  assert.deepEqual(await readdir(second.bundles), []);
  const environment = { HOLDFAST_SERVER: second.url, HOLDFAST_TOKEN: second.token };
  const list = await start(["bundle", "list", "-o", "json"], environment).ended;
  assert.deepEqual(JSON.parse(list.out).items, []);
  const path = join(folder, "a");
  await writeFile(path, content);
  assert.equal((await start(["bundle", "push", path], environment).ended).code, 0);
  second.program.child.kill("SIGKILL"); // right after the answer
  await second.program.ended;

  const third = await startReal(t, data);
  const out = join(folder, "copy");
  const again = { HOLDFAST_SERVER: third.url, HOLDFAST_TOKEN: third.token };
  const got = await start(["bundle", "get", "a", "--out", out], again).ended;
  assert.equal(got.code, 0, got.err);
  assert.ok((await readFile(out)).equals(content));
});
