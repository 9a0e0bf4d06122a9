/** Several real servers on one memory store in this process, each with a folder and a port of its own. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Store } from "../../../src/ports/store.ts";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import type { BundleResource } from "../../../src/wire/bundles.ts";
import { bundleResourceSchema } from "../../../src/wire/bundles.ts";
import {
  type Answer,
  clock,
  eventually,
  type Harness,
  send,
  startHarness,
  temporaryDirectory,
} from "../harness.ts";

export interface Member {
  readonly id: string;
  readonly harness: Harness;
  readonly folder: string;
}

export interface Cluster {
  readonly store: Store;
  readonly token: string;
  readonly members: readonly Member[];
  /** Starts one more server, or one again on its folder, and registers it. */
  start(id: string, folder?: string): Promise<Member>;
  /** Registers a server of which nobody answers. */
  register(id: string, url: string): Promise<void>;
  unregister(id: string): Promise<void>;
  call(member: Member, method: string, path: string): Promise<Answer>;
}

/** Starts servers `1` to `count`. */
export async function startCluster(t: TestContext, count: number): Promise<Cluster> {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const members: Member[] = [];
  const register = async (id: string, url: string) => {
    const value = { version: 1, id, name: `s${id}`, url, serverVersion: "0", registeredAtMs: 0 };
    const put = { kind: "put", key: `servers/${id}`, value } as const;
    const written = await store.txn({ compare: [], then: [put] });
    assert.ok(written.ok);
  };
  let token = "";
  const start = async (id: string, kept?: string) => {
    const dataDirectory = kept ?? (await temporaryDirectory(t));
    if (members.length > 0) await giveToken(members[0], dataDirectory);
    const harness = await startHarness(t, { store, dataDirectory, serverId: id });
    if (token === "") token = harness.adminToken;
    await register(id, harness.server.url);
    const member = { id, harness, folder: join(dataDirectory, "bundles") };
    members.push(member);
    return member;
  };
  for (let index = 1; index <= count; index += 1) await start(String(index));
  const cluster: Cluster = {
    store,
    get token() {
      return token;
    },
    members,
    start,
    register,
    unregister: async (id) => {
      const written = await store.txn({
        compare: [],
        then: [{ kind: "delete", key: `servers/${id}` }],
      });
      assert.ok(written.ok);
    },
    call: (member, method, path) => send(member.harness.server.url, method, path, { token }),
  };
  return cluster;
}

/** The harness reads the admin's token from each server's folder; only the first server makes one. */
async function giveToken(first: Member | undefined, dataDirectory: string): Promise<void> {
  assert.ok(first !== undefined);
  await writeFile(join(dataDirectory, "admin.token"), `${first.harness.adminToken}\n`);
}

export interface Content {
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** Content that compresses to nothing and is like no other. */
export function randomContent(sizeBytes: number): Content {
  const bytes = randomBytes(sizeBytes);
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

export interface PushOptions {
  readonly name: string;
  readonly replace?: boolean;
  readonly waitMs?: number;
  /** The address to push to, where it is not that of the content. */
  readonly sha256?: string;
}

/** Pushes content to one server. */
export function push(
  cluster: Cluster,
  member: Member,
  content: Content,
  { name, replace = false, waitMs = 20_000, sha256 = content.sha256 }: PushOptions,
): Promise<Answer> {
  const query = `name=${encodeURIComponent(name)}&replace=${replace}&waitMs=${waitMs}`;
  return send(member.harness.server.url, "PUT", `/v1/bundles/${sha256}?${query}`, {
    token: cluster.token,
    rawBody: content.bytes,
    headers: { "content-type": "application/octet-stream" },
  });
}

/** The bundle as one server sees it. */
export async function lookAt(
  cluster: Cluster,
  member: Member,
  words: string,
): Promise<BundleResource> {
  const answer = await cluster.call(member, "GET", `/v1/bundles/${words}`);
  assert.equal(answer.status, 200, answer.text);
  return bundleResourceSchema.parse(answer.json);
}

/** The content that one server sends; undefined when it breaks off. */
export function read(cluster: Cluster, member: Member, words: string): Promise<Buffer | undefined> {
  const headers = { authorization: `Bearer ${cluster.token}` };
  const url = `${member.harness.server.url}/v1/bundles/${words}/content`;
  return new Promise((resolve, reject) => {
    const call = request(url, { headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () => resolve(Buffer.concat(pieces)));
      response.on("error", () => resolve(undefined));
    });
    call.on("error", reject);
    call.end();
  });
}

/** Waits until servers have noted copies, and that each has the right content in its folder. */
export async function untilCopied(
  cluster: Cluster,
  content: Content,
  members: readonly Member[],
): Promise<void> {
  const [first] = members;
  assert.ok(first !== undefined);
  await eventually(`copies of ${content.sha256}`, async () => {
    const { copies } = await lookAt(cluster, first, content.sha256);
    return members.every(({ id }) => copies.includes(id));
  });
  for (const { folder } of members) {
    await eventually(`the right content in ${folder}`, async () => {
      const bytes = await readFile(join(folder, content.sha256)).catch(() => undefined);
      return bytes?.equals(content.bytes) === true;
    });
  }
}

/** Names in a server's folder. */
export function filesOf(member: Member): Promise<string[]> {
  return readdir(member.folder);
}
