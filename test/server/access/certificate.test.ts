/** Who a client certificate makes of its holder: on tables alone, and over real TLS. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import test, { type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createConnections, openRequest } from "../../../src/agent/link/http.ts";
import { epochOf, type NodeId, parseNodeId } from "../../../src/core/ids.ts";
import { jsonOf } from "../../../src/runtime/manager-records.ts";
import {
  type CertificateTables,
  identifyCertificate,
} from "../../../src/server/access/certificate.ts";
import { urisOf } from "../../../src/server/access/certificate-uris.ts";
import { guardRoutes } from "../../../src/server/access/guard-routes.ts";
import { createPasswordDesk } from "../../../src/server/access/password-desk.ts";
import { createApp } from "../../../src/server/http/app.ts";
import { nodeOf } from "../../../src/server/http/scopes.ts";
import { createTables } from "../../../src/server/view/view-tables.ts";
import { createMemoryStore } from "../../../src/stores/memory/memory-store.ts";
import {
  dayMs,
  type IssuedPair,
  identity,
  issuePair,
  makeAuthority,
  type TestAuthority,
} from "../../certificates/support/tools.ts";
import { clock, quietLog } from "../harness.ts";

const other = "f".repeat(32);
const agentUri = `holdfast:node:n1:${identity}`;

function tablesOf(
  more: readonly { readonly key: string; readonly value: object }[] = [],
): ReturnType<typeof createTables> {
  const tables = createTables();
  const node = {
    version: 1,
    node: nodeId("n1"),
    type: "device",
    properties: {},
    agentVersion: "1",
    registeredAtMs: 0,
    confirmedOffEpoch: epochOf(0),
    identity,
  };
  const server = {
    version: 1,
    id: "2",
    name: "s2",
    url: "https://s2:7440",
    serverVersion: "1",
    registeredAtMs: 0,
  };
  const { identity: _, ...withoutCertificate } = { ...node, node: nodeId("n2") };
  const records = [
    { key: "nodes/n1", value: node },
    { key: "nodes/n2", value: withoutCertificate },
    { key: "servers/2", value: server },
    ...more,
  ];
  for (const { key, value } of records) put(tables, key, value);
  return tables;
}

function put(tables: ReturnType<typeof createTables>, key: string, value: object): void {
  const entry = { key, value: jsonOf(value), createRevision: 1, modRevision: 1, version: 1 };
  tables.put({ ...entry, leaseId: undefined });
}

function nodeId(name: string): NodeId {
  const parsed = parseNodeId(name);
  assert.ok(parsed.ok);
  return parsed.value;
}

test("identifyCertificate() knows the holder that is of the cluster, and says why it knows another not", () => {
  const tables: CertificateTables = tablesOf();
  const who = (...uris: string[]) => identifyCertificate(uris, tables);
  assert.deepEqual(who(agentUri), {
    ok: true,
    value: { kind: "agent", who: "node/n1", node: "n1", identity },
  });
  assert.deepEqual(who("https://example.org/x", "holdfast:server:2"), {
    ok: true,
    value: { kind: "server", who: "server/2", server: "2" },
  });
  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["nothing", [], /names neither/],
    ["another scheme", ["https://example.org"], /names neither/],
    ["two holders", [agentUri, "holdfast:server:2"], /one only/],
    ["the same twice", [agentUri, agentUri], /one only/],
    ["joined anew since", [`holdfast:node:n1:${other}`], /joined anew/],
    ["never joined with a certificate", [`holdfast:node:n2:${identity}`], /joined anew/],
    ["an unknown node", [`holdfast:node:n9:${identity}`], /not of this cluster/],
    ["an unknown server", ["holdfast:server:9"], /not of this cluster/],
    ["no id", ["holdfast:server:02"], /no server and no node/],
    ["no identity", ["holdfast:node:n1:"], /no server and no node/],
    ["another kind", ["holdfast:admin:1"], /no server and no node/],
  ];
  for (const [name, uris, reason] of refused) {
    const outcome = who(...uris);
    assert.ok(!outcome.ok, name);
    assert.equal(outcome.error.status, 401, name);
    assert.match(outcome.error.detail, reason, name);
  }
});

test("urisOf() reads what Node.js makes of alternative names, and nothing out of crafted ones", () => {
  assert.deepEqual(urisOf(`DNS:a, URI:${agentUri}, IP Address:127.0.0.1`), [agentUri]);
  assert.deepEqual(urisOf("URI:holdfast:server:2"), ["holdfast:server:2"]);
  assert.deepEqual(urisOf('DNS:"a, URI:holdfast:server:2", URI:https://b'), ["https://b"]);
  assert.deepEqual(urisOf('URI:"https://a, b"'), ["https://a, b"]);
  for (const text of ["", "DNS:a", 'DNS:"a, URI:holdfast:server:2', "URI:a URI"]) {
    assert.ok(!urisOf(text).some((uri) => uri.startsWith("holdfast:")), text);
  }
});

interface Bench {
  readonly ca: TestAuthority;
  readonly tables: ReturnType<typeof tablesOf>;
  /** What the server's clock is ahead of the certificates'. */
  ahead: number;
  /** An agent's answer goes on for ever. */
  isLong: boolean;
  readonly port: number;
  /** The status, and the problem's detail or the answer's text. */
  ask(path: string, shown?: IssuedPair, token?: string): Promise<readonly [number, string]>;
}

/** The guard on a real HTTPS server with one route of each kind. */
async function startBench(t: TestContext): Promise<Bench> {
  const ca = await makeAuthority();
  const own = await issuePair(ca);
  const tls = { ...own, authorityPem: ca.certificatePem };
  const app = await createApp({ log: quietLog, version: "0", answers: "trusted", tls });
  const tables = tablesOf();
  const view = { connected: true, tables, listen: () => () => undefined };
  const desk = createPasswordDesk({ clock, log: quietLog });
  const wallMs = (): number => clock.wallMs() + bench.ahead;
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const context = { view: view as never, store, clock: { ...clock, wallMs }, log: quietLog }; // it looks at these only
  guardRoutes(app, context, desk);
  app.post("/v1/agent/instructions", { config: { stream: true } }, (asked, reply) => {
    if (!bench.isLong) return { node: nodeOf(asked) };
    reply.hijack();
    reply.raw.write("{");
    return reply;
  });
  app.get("/v1/peers/status", () => ({ peer: true }));
  app.get("/v1/nodes", () => ({ items: [] }));
  await app.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => app.close());
  const { port } = app.server.address() as AddressInfo; // a TCP server that listens has one
  const ask: Bench["ask"] = (path, shown, token) =>
    new Promise((resolve, reject) => {
      const call = request(
        {
          host: "127.0.0.1",
          port,
          path,
          method: path.startsWith("/v1/agent/") ? "POST" : "GET",
          agent: false,
          ca: ca.certificatePem,
          ...(shown === undefined ? {} : { key: shown.keyPem, cert: shown.certificatePem }),
          headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        },
        (response) => {
          let text = "";
          response.on("data", (chunk) => {
            text += String(chunk);
          });
          response.on("error", () => resolve([response.statusCode ?? 0, "cut"]));
          response.on("end", () => {
            const { detail = text } = JSON.parse(text);
            resolve([response.statusCode ?? 0, String(detail)]);
          });
        },
      );
      call.on("error", reject);
      call.end();
    });
  const bench: Bench = { ca, tables, ahead: 0, isLong: false, port, ask };
  return bench;
}

test("a certificate that goes out of date counts no longer, on connections that are open, too", {
  timeout: 20_000,
}, async (t) => {
  const bench = await startBench(t);
  const agent = await issuePair(bench.ca, { uris: [agentUri] }, { use: "client" });
  assert.equal((await bench.ask("/v1/agent/instructions", agent))[0], 200);
  const leftMs = agent.facts.notAfterMs - Date.now();
  bench.ahead = leftMs - 3_000;
  bench.isLong = true;
  assert.deepEqual(await bench.ask("/v1/agent/instructions", agent), [200, "cut"]);
  bench.isLong = false;
  bench.ahead = leftMs;
  const [status, detail] = await bench.ask("/v1/agent/instructions", agent);
  assert.equal(status, 503, "it may be this server's clock, and another server may know better");
  assert.match(detail, /set the clock that is wrong, or join anew/);
});

test("a certificate that is not yet valid, or over, by this server's clock makes nobody of its holder, for now", async (t) => {
  const { ca, ask } = await startBench(t);
  const path = "/v1/agent/instructions";
  const names = { uris: [agentUri] };
  const nowMs = Date.now();
  const early = { use: "client", nowMs: nowMs + 2 * dayMs, lifeMs: dayMs } as const;
  const late = { use: "client", nowMs: nowMs - 2 * dayMs, lifeMs: dayMs } as const;
  for (const order of [early, late]) {
    const pair = await issuePair(ca, names, order);
    const [status, detail] = await ask(path, pair);
    assert.equal(status, 503);
    const [from, until] = [pair.facts.notBeforeMs, pair.facts.notAfterMs].map((atMs) =>
      new Date(atMs).toISOString(),
    );
    const words = `the client certificate counts from ${from} until ${until}, and by this server's clock it is `;
    assert.ok(detail.startsWith(words), detail);
    assert.match(
      detail,
      /is \d{4}-\d\d-\d\dT\d\d:\d\dZ: set the clock that is wrong, or join anew/,
    );
    // What is brought beside it is judged as ever.
    assert.equal((await ask(path, pair, `hf_nobody_${"x".repeat(43)}`))[0], 401);
    assert.equal((await ask("/v1/nodes", pair))[0], 503, "and nothing else is open to it");
  }
  const foreign = await issuePair(await makeAuthority("Another"), names, late);
  assert.equal((await ask(path, foreign))[0], 401);
  assert.equal((await ask(path, await issuePair(ca, {}, late)))[0], 401, "it names nobody");
});

test("a connection that was judged by a wrong clock ends with its answer", async (t) => {
  const { ca, port } = await startBench(t);
  const order = { use: "client", nowMs: Date.now() + 2 * dayMs, lifeMs: dayMs } as const;
  const { keyPem, certificatePem } = await issuePair(ca, { uris: [agentUri] }, order);
  const tls = { keyPem, certificatePem, authorityPem: ca.certificatePem };
  const connections = createConnections(1, tls);
  t.after(() => connections.destroy());
  const reused: unknown[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const outgoing = openRequest(connections, {
      ...{ server: `https://127.0.0.1:${port}`, path: "/v1/agent/instructions", token: undefined },
      ...{ method: "POST", headers: {}, signal: new AbortController().signal },
    });
    const answered = once(outgoing, "response");
    outgoing.end();
    const [response] = await answered;
    assert.equal(response.headers.connection, "close");
    const { socket } = response;
    reused.push(outgoing.reusedSocket || socket.isSessionReused());
    response.resume();
    await once(response, "close");
    await setTimeout(20); // the session's ticket may come after the answer
  }
  assert.deepEqual(reused, [false, false, false], "each is judged anew");
});

test("an agent's certificate lets it speak for its own node and for nothing else", async (t) => {
  const { ca, ask } = await startBench(t);
  const agent = await issuePair(ca, { uris: [agentUri] }, { use: "client" });
  assert.deepEqual(await ask("/v1/agent/instructions", agent), [200, '{"node":"n1"}']);
  const [status, detail] = await ask("/v1/nodes", agent);
  assert.equal(status, 403);
  assert.match(detail, /"cluster\.read".*the agent of node "n1"/);
  assert.equal((await ask("/v1/peers/status", agent))[0], 403);
});

test("a server's certificate opens what servers ask each other, and nothing of people's or agents'", async (t) => {
  const { ca, ask } = await startBench(t);
  const peer = await issuePair(ca, { uris: ["holdfast:server:2"] });
  assert.deepEqual(await ask("/v1/peers/status", peer), [200, '{"peer":true}']);
  assert.equal((await ask("/v1/agent/instructions", peer))[0], 403);
  assert.equal((await ask("/v1/nodes", peer))[0], 403);
});

test("a certificate of another authority, none, one that names nobody and a revoked one are refused", async (t) => {
  const { ca, tables, ask } = await startBench(t);
  const path = "/v1/agent/instructions";
  const foreign = await issuePair(await makeAuthority("Another"), { uris: [agentUri] });
  assert.equal((await ask(path, foreign))[0], 401);
  assert.equal((await ask(path))[0], 401);
  assert.equal((await ask(path, await issuePair(ca)))[0], 401);
  const agent = await issuePair(ca, { uris: [agentUri] }, { use: "client" });
  assert.equal((await ask(path, agent))[0], 200);
  const { serial } = agent.facts;
  const revocation = { version: 1, serial, authority: "cluster", holder: "n1", atMs: 0 };
  put(tables, `revocations/${serial}`, { ...revocation, because: "it was stolen" });
  const [status, detail] = await ask(path, agent);
  assert.equal(status, 401);
  assert.match(detail, /revoked: it was stolen/);
});

test("a certificate is found among the revoked ones in one look, however its serial is written", async (t) => {
  const { ca, tables, ask } = await startBench(t);
  const path = "/v1/agent/instructions";
  const agent = await issuePair(ca, { uris: [agentUri] }, { use: "client" });
  const status = async () => (await ask(path, agent))[0];
  const revoke = (serial: string, authority: string): void => {
    const revocation = { version: 1, serial, authority, holder: "n1", because: "lost", atMs: 0 };
    put(tables, `revocations/${serial}`, revocation);
  };
  for (let count = 0; count < 1_000; count += 1) revoke(`f${count}f`, "cluster");
  const { serial } = agent.facts;
  const bytes = (serial.length % 2 === 0 ? serial : `0${serial}`).match(/../g) ?? [];
  const spellings = [serial.toUpperCase(), `00${serial}`, bytes.join(":")];
  for (const each of ["keys", "values", "entries", "forEach", Symbol.iterator] as const) {
    const refuse = () => assert.fail("the revocations are walked through");
    Object.defineProperty(tables.revocations, each, { value: refuse });
  }
  revoke(serial, "etcd");
  assert.equal(await status(), 200, "the other authority's number is another certificate");
  tables.delete(`revocations/${serial}`);
  for (const spelling of spellings) {
    revoke(spelling, "cluster");
    assert.equal(await status(), 401, spelling);
  }
  for (const spelling of spellings) {
    assert.equal(await status(), 401, "one of them is still there");
    tables.delete(`revocations/${spelling}`);
  }
  assert.equal(await status(), 200);
});

test("an agent whose node was removed is turned away with the certificate that it still has", async (t) => {
  const { ca, tables, ask } = await startBench(t);
  const agent = await issuePair(ca, { uris: [agentUri] }, { use: "client" });
  assert.equal((await ask("/v1/agent/instructions", agent))[0], 200);
  tables.delete("nodes/n1");
  const [status, detail] = await ask("/v1/agent/instructions", agent);
  assert.deepEqual([status, /not of this cluster/.test(detail)], [401, true]);
});

test("what a caller says in the header counts before the certificate", async (t) => {
  const { ca, ask } = await startBench(t);
  const agent = await issuePair(ca, { uris: [agentUri] }, { use: "client" });
  const [status] = await ask("/v1/agent/instructions", agent, `hf_nobody_${"x".repeat(43)}`);
  assert.equal(status, 401);
});
