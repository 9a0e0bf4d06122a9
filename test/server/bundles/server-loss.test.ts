/** Bundles of a real control plane whose servers are killed: in the middle of a push, right after it, and for good. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { BundleResource } from "../../../src/wire/bundles.ts";
import { waitFor } from "../../e2e/harness/wait.ts";
import { beginHoldfast, holdfast } from "../../setup/support/command.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  type TestServer,
  until,
} from "../../support/control-plane.ts";
import { missingForEtcd } from "../../support/etcd-cluster.ts";

const skip = missingForEtcd();
/** Takes long enough to be killed in its middle. */
const largeBytes = 48 * 1_024 * 1_024;
const smallBytes = 3_000_000;
const attemptsMax = 3;

test("bundles survive the loss of the server that takes the push, at any moment and for good", {
  skip,
  timeout: 150_000,
}, async (t) => {
  const plane = await startControlPlane({ servers: 3 });
  t.after(() => plane.stop());
  const [first, second, third] = plane.servers;
  assert.ok(first && second && third);

  let large = "";

  await t.test("in the middle of a push: it goes on at another one, nothing is half", async () => {
    const { name, sha256, pushing } = await cutOff(plane, first);
    large = name;
    let isOver = false;
    void pushing.outcome.then(() => (isOver = true));
    while (!isOver) await neverHalf(plane, [second, third], sha256);
    const pushed = await pushing.outcome;
    assert.equal(pushed.code, 0, pushed.stderr);
    const words = new RegExp(`pushes ${large} again, to another server: .*was cut`);
    assert.match(pushed.stderr, words);
    for (const server of [second, third]) assert.equal(await served(plane, server, large), sha256);
    first.start();
    await until("the first one to have it too", async () => {
      return (await listed(plane, second, large))?.copies.join() === "1,2,3";
    });
    assert.equal(draftBytes(first), 0, "what was cut off is gone");
    assert.equal(await served(plane, first, large), sha256);
  });

  await t.test("right after the answer: all others serve it", async () => {
    const { path, sha256 } = makeFile(plane, "small", smallBytes);
    const pushed = await holdfast(["bundle", "push", path], environmentOf(plane, second));
    assert.equal(pushed.code, 0, pushed.stderr);
    await second.kill();
    for (const server of [first, third]) assert.equal(await served(plane, server, "small"), sha256);
  });

  await t.test("for good: as many copies again, with the next server that joins", async () => {
    rmSync(second.dataDirectory, { recursive: true });
    answerOf(await plane.client(first).removeServer("2"));
    for (const name of [large, "small"]) {
      await until(`${name} to be on both that are left`, async () => {
        const bundle = await listed(plane, third, name);
        return bundle?.copies.join() === "1,3" && bundle.missing.length === 0 && bundle.isSafe;
      });
    }
    plane.servers.splice(1, 1);
    const next = await plane.addServer();
    await until("the new server to have both", async () => {
      const bundles = await Promise.all([large, "small"].map((name) => listed(plane, next, name)));
      return bundles.every((bundle) => bundle?.copies.join() === "1,3,4");
    });
    const verified = await holdfast(["bundle", "verify"], environmentOf(plane, next));
    assert.equal(verified.code, 0, verified.stderr);
  });
});

interface LocalFile {
  readonly path: string;
  readonly sha256: string;
}

interface CutPush extends LocalFile {
  /** Of the bundle. */
  readonly name: string;
  readonly pushing: ReturnType<typeof beginHoldfast>;
}

/** A push whose server was killed in the middle; on a machine where the kill comes late not the first one. */
async function cutOff(plane: TestControlPlane, first: TestServer): Promise<CutPush> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const name = `large${attempt}`;
    const file = makeFile(plane, name, largeBytes);
    const pushing = beginHoldfast(["bundle", "push", file.path], environmentOf(plane));
    const { child } = pushing;
    await waitFor("the push to be under way", 30_000, () => {
      return draftBytes(first) > 0 || child.exitCode !== null;
    });
    // Held up, so that the server dies in the middle on a fast machine too.
    child.kill("SIGSTOP");
    await first.kill();
    const drafted = draftBytes(first);
    child.kill("SIGCONT");
    if (drafted > 0 && drafted < largeBytes) return { ...file, name, pushing };
    await pushing.outcome;
    first.start();
    await plane.allServe();
  }
  throw new Error(`none of ${attemptsMax} pushes was cut off in the middle`);
}

function makeFile(plane: TestControlPlane, name: string, sizeBytes: number): LocalFile {
  const path = join(plane.folder, name);
  const content = randomBytes(sizeBytes);
  writeFileSync(path, content);
  return { path, sha256: createHash("sha256").update(content).digest("hex") };
}

/** Of all servers, one of them first. */
function environmentOf(
  plane: TestControlPlane,
  first: TestServer | undefined = plane.servers[0],
): Readonly<Record<string, string>> {
  const others = plane.servers.filter((server) => server !== first);
  const tokenFile = join(plane.folder, "admin.token");
  const authorityFile = join(plane.folder, "authority.crt");
  writeFileSync(tokenFile, plane.token, { mode: 0o600 });
  writeFileSync(authorityFile, plane.ca);
  return {
    HOLDFAST_SERVER: [first, ...others].map((server) => server?.url).join(),
    HOLDFAST_CA: authorityFile,
    HOLDFAST_TOKEN_FILE: tokenFile,
  };
}

/** What has come of pushes that are not done. */
function draftBytes({ dataDirectory }: TestServer): number {
  const folder = join(dataDirectory, "bundles");
  const drafts = readdirSync(folder).filter((name) => name.startsWith(".push-"));
  const sizeOf = (name: string): number =>
    statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0; // it may be done by now
  return drafts.reduce((sum, name) => sum + sizeOf(name), 0);
}

/** Whoever lists the bundle has it whole, or says so. */
async function neverHalf(
  plane: TestControlPlane,
  servers: readonly TestServer[],
  sha256: string,
): Promise<void> {
  for (const server of servers) {
    const bundle = await listed(plane, server, sha256);
    if (bundle === undefined) continue;
    assert.ok(bundle.copies.length > 0, "listed, and on no disk");
    for (const id of bundle.copies) {
      const holder = plane.servers.find((one) => one.id === id);
      const path = join(holder?.dataDirectory ?? "", "bundles", sha256);
      assert.equal(statSync(path).size, bundle.sizeBytes, `whole on server ${id}`);
    }
  }
}

/** Undefined: there is none of that name or content, or no answer now. */
async function listed(
  plane: TestControlPlane,
  server: TestServer,
  words: string,
): Promise<BundleResource | undefined> {
  const answer = await plane.client(server).bundles();
  if (!answer.ok) return undefined;
  return answer.value.items.find(({ name, sha256 }) => name === words || sha256 === words);
}

/** The SHA-256 of what `bundle get` brings from this server alone. */
async function served(plane: TestControlPlane, server: TestServer, name: string): Promise<string> {
  const out = join(plane.folder, `got-${server.id}-${name}`);
  const environment = { ...environmentOf(plane), HOLDFAST_SERVER: server.url };
  const got = await holdfast(["bundle", "get", name, "--out", out], environment);
  assert.equal(got.code, 0, got.stderr);
  return createHash("sha256").update(readFileSync(out)).digest("hex");
}
