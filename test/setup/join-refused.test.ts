/** Joins that must fail: each says why in one line, nothing secret leaves the machine, and nothing is left behind. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createAuthority } from "../../src/adapters/certificates/authority.ts";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import type { Client } from "../../src/client/client.ts";
import { joinServer } from "../../src/setup/join/join-server.ts";
import type { CreatedJoinToken } from "../../src/wire/joining.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  until,
} from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { freePorts } from "../support/free-ports.ts";
import { makeTestCertificates } from "../support/test-certificates.ts";
import {
  beginHoldfast,
  type CommandOutcome,
  holdfast,
  temporaryFolder,
} from "./support/command.ts";
import { firstOf } from "./support/facts.ts";

const missing = missingForEtcd();
const options = { skip: missing, timeout: 60_000 };
let controlPlane: TestControlPlane | undefined;
const tokens: string[] = [];

before(async () => {
  if (missing === undefined) controlPlane = await startControlPlane({ servers: 1 });
});
after(() => controlPlane?.stop());

function here(): TestControlPlane {
  assert.ok(controlPlane);
  return controlPlane;
}

async function newToken(
  request: Parameters<Client["createJoinToken"]>[0],
): Promise<CreatedJoinToken> {
  const created = answerOf(await here().client().createJoinToken(request));
  tokens.push(created.token);
  return created;
}

interface Attempt {
  readonly role?: "server" | "node";
  readonly name?: string;
  readonly data: string;
  readonly servers?: readonly string[];
  readonly hash?: string;
}

async function wordsOf(created: CreatedJoinToken, attempt: Attempt): Promise<readonly string[]> {
  const { role = "node", name = "newcomer", data } = attempt;
  const [port = 0] = await freePorts(1);
  const place = role === "server" ? ["--host", "127.0.0.1", "--port", String(port)] : [];
  const servers = (attempt.servers ?? created.servers).join(",");
  const words = [role, "join", servers, "--ca-hash", attempt.hash ?? created.authorityHash];
  return [...words, "--name", name, "--data", data, "--no-units", ...place];
}

async function tryJoin(created: CreatedJoinToken, attempt: Attempt): Promise<CommandOutcome> {
  const words = await wordsOf(created, attempt);
  return await holdfast(words, { HOLDFAST_JOIN_TOKEN: created.token });
}

/** Refused, with these words, and without a certificate. */
function assertRefused(outcome: CommandOutcome, words: RegExp, data: string): void {
  assert.equal(outcome.code, 1, outcome.stdout);
  assert.match(outcome.stderr, words);
  assert.equal(outcome.stderr.trim().split("\n").length, 1, outcome.stderr);
  for (const name of ["pki/agent.crt", "pki/server.crt", "store.json", "pki/ca.key"]) {
    assert.equal(existsSync(join(data, name)), false, name);
  }
}

function dataOf(t: TestContext): string {
  return join(temporaryFolder(t), "data");
}

test("a token that has expired is refused", options, async (t) => {
  const created = await newToken({ role: "node", ttlMs: 1_000 });
  await sleep(1_100);
  const data = dataOf(t);
  assertRefused(await tryJoin(created, { data }), /the join token has expired at 20/, data);
});

test("a token that was revoked is refused", options, async (t) => {
  const created = await newToken({ role: "server" });
  answerOf(await here().client().revokeJoinToken(created.id));
  const data = dataOf(t);
  const outcome = await tryJoin(created, { role: "server", data });
  assertRefused(outcome, /join token is not known here/, data);
});

test(
  "a token of single use lets one machine in, which may repeat its join, and no other one",
  options,
  async (t) => {
    const created = await newToken({ role: "node", singleUse: true });
    const data = dataOf(t);
    const joined = await tryJoin(created, { name: "once", data });
    assert.equal(joined.code, 0, joined.stderr);
    const again = await tryJoin(created, { name: "once", data });
    assert.equal(again.code, 0, again.stderr);
    const otherData = dataOf(t);
    const other = await tryJoin(created, { name: "twice", data: otherData });
    assertRefused(other, /was for one machine, and one has joined with it/, otherData);
    const otherName = await tryJoin(created, { name: "other", data });
    assert.equal(otherName.code, 1);
    assert.match(otherName.stderr, /is a node's already; run its agent, or empty the folder/);
  },
);

for (const [tokenRole, role] of [
  ["node", "server"],
  ["server", "node"],
] as const) {
  test(`a token for a ${tokenRole} makes no ${role}`, options, async (t) => {
    const created = await newToken({ role: tokenRole });
    const data = dataOf(t);
    const outcome = await tryJoin(created, { role, data });
    assertRefused(outcome, new RegExp(`token is for a ${tokenRole}, not for a ${role}`), data);
  });
}

test("a name that is taken is refused, of servers and of nodes", options, async (t) => {
  const forNodes = await newToken({ role: "node" });
  assert.equal((await tryJoin(forNodes, { name: "taken", data: dataOf(t) })).code, 0);
  const data = dataOf(t);
  const node = await tryJoin(forNodes, { name: "taken", data });
  assertRefused(node, /there is a node "taken" already; choose another name with --name/, data);
  const forServers = await newToken({ role: "server" });
  const serverData = dataOf(t);
  const server = await tryJoin(forServers, { role: "server", name: "server1", data: serverData });
  assertRefused(server, /server 1 is named "server1" already; choose another name/, serverData);
});

test("a node joins into an HA group that there is, and not into another", options, async (t) => {
  const client = here().client();
  const created = await newToken({ role: "node" });
  const join = async (name: string, group: string, data: string): Promise<CommandOutcome> => {
    const words = await wordsOf(created, { name, data });
    return await holdfast([...words, "--ha-group", group], { HOLDFAST_JOIN_TOKEN: created.token });
  };
  const data = dataOf(t);
  const unknown = await join("grouped", "pair", data);
  assertRefused(
    unknown,
    /there is no HA group "pair"; create it first with: holdfast hagroup/,
    data,
  );
  assert.equal((await client.node("grouped")).ok, false, "nothing has joined");
  answerOf(await client.putHaGroup("pair", {}));
  const joined = await join("grouped", "pair", data);
  assert.equal(joined.code, 0, joined.stderr);
  const again = await join("grouped", "pair", data);
  assert.equal(again.code, 0, again.stderr);
  const { members } = answerOf(await client.haGroup("pair"));
  assert.deepEqual(members, [{ node: "grouped", isOnline: false }]);
  const bad = await join("other", "a/b", dataOf(t));
  assert.deepEqual([bad.code, /--ha-group/.test(bad.stderr)], [2, true]);
});

test("a server of a version too far from the others' is refused", options, async (t) => {
  const { token, authorityHash, servers } = await newToken({ role: "server" });
  const [port = 0] = await freePorts(1);
  const joined = await joinServer({
    ...{ dataDirectory: dataOf(t), name: "old", host: "127.0.0.1", port, version: "7.0.0" },
    ...{ servers, token, authorityHash, clock },
  });
  assert.equal(joined.ok, false);
  const wanted =
    /^server "old" is of version 7\.0\.0, and server "[^"]+" of [0-9.]+: servers work together when they are one minor version apart at most; install /;
  assert.match(joined.ok ? "" : joined.error, wanted);
});

test(
  "a server whose token was taken before a freeze is not let into a frozen cluster",
  options,
  async (t) => {
    const client = here().client();
    const server = await here().prepareServer();
    here().servers.pop();
    t.after(() => server.kill());
    answerOf(await client.freeze({ reason: "nobody comes in" }));
    t.after(async () => answerOf(await client.unfreeze()));
    server.start();
    assert.equal(await server.ended(), 1);
    const words =
      /the cluster is frozen by admin\/first: nobody comes in; wait until that is over, or/;
    assert.match(server.logOfThisLife, words);
    assert.equal((await here().list()).length, 1);
  },
);

test("a man in the middle with an authority of his own gets no token", options, async (t) => {
  const created = await newToken({ role: "server" });
  const folder = temporaryFolder(t);
  const { certificatePem, keyPem } = makeTestCertificates(folder);
  const own = await createAuthority({ commonName: "Holdfast authority", nowMs: Date.now() });
  let heard = "";
  const proxy = createServer({ cert: certificatePem, key: keyPem }, (request, response) => {
    heard += `${request.method} ${request.url}\n`;
    request.setEncoding("utf8").on("data", (text: string) => {
      heard += text;
    });
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ authorityPem: own.certificatePem }));
  });
  const [port = 0] = await freePorts(1);
  proxy.listen(port, "127.0.0.1");
  t.after(() => proxy.close());
  const data = dataOf(t);
  const servers = [`https://127.0.0.1:${port}`];
  const outcome = await tryJoin(created, { role: "server", data, servers });
  assertRefused(outcome, /no server of the join command can be used: https:\/\/127\.0\.0\.1/, data);
  assert.equal(
    heard,
    "GET /v1/join/authority\n",
    "it was asked for its authority, and nothing else",
  );

  // With the true authority's certificate, which is public, and a key of his own: TLS refuses him.
  proxy.removeAllListeners("request");
  proxy.on("request", (request, response) => {
    heard += `${request.method} ${request.url}\n`;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ authorityPem: here().ca }));
  });
  const second = await tryJoin(created, { role: "server", data, servers });
  assertRefused(second, /no server answers: https:\/\/127\.0\.0\.1.*certificate/, data);
  assert.equal(heard.includes("POST"), false);
  assert.equal(heard.includes(created.token), false);
});

test("a hash that is not the authority's is refused", options, async (t) => {
  const created = await newToken({ role: "node" });
  const data = dataOf(t);
  const hash = `sha256:${"0".repeat(64)}`;
  assertRefused(await tryJoin(created, { data, hash }), /no server of the join command/, data);
});

test("the first server that is away is passed over", options, async (t) => {
  const created = await newToken({ role: "node" });
  const [port = 0] = await freePorts(1);
  const servers = [`https://127.0.0.1:${port}`, ...created.servers];
  const joined = await tryJoin(created, { name: "patient", data: dataOf(t), servers });
  assert.equal(joined.code, 0, joined.stderr);
});

test(
  "a token is in no process's arguments, in no log, and not in the store",
  options,
  async (t) => {
    const created = await newToken({ role: "node" });
    const begun = beginHoldfast(await wordsOf(created, { name: "quiet", data: dataOf(t) }), {
      HOLDFAST_JOIN_TOKEN: created.token,
    });
    const seen: string[] = [];
    await until("the join to end", () => {
      seen.push(...commandLines());
      return begun.child.exitCode !== null;
    });
    const outcome = await begun.outcome;
    assert.equal(outcome.code, 0, outcome.stderr);
    const server = firstOf(here());
    const secrets = [
      ...tokens,
      readFileSync(join(server.dataDirectory, "admin.token"), "utf8").trim(),
    ];
    for (const secret of secrets) {
      assert.equal(
        seen.some((line) => line.includes(secret)),
        false,
        "in arguments",
      );
      assert.equal(server.log.includes(secret), false, "in the log");
      assert.equal(outcome.stdout.includes(secret) || outcome.stderr.includes(secret), false);
      const found = filesWith(secret.slice(-43), join(server.dataDirectory, "etcd"));
      assert.deepEqual(found, [], "in etcd's data");
    }
    // The store does have what the tokens are recognised by: the search looks at the right place.
    assert.notDeepEqual(filesWith(created.id, join(server.dataDirectory, "etcd")), []);
  },
);

function commandLines(): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8");
    } catch {
      return ""; // it has ended
    }
  });
}

function filesWith(text: string, folder: string): string[] {
  try {
    const found = execFileSync("grep", ["-rlaF", "--", text, folder], { encoding: "utf8" });
    return found.trim().split("\n");
  } catch {
    return []; // grep found nothing
  }
}
