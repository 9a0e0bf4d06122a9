import assert from "node:assert/strict";
import { createServer, type Server } from "node:https";
import { createServer as createSilent } from "node:net";
import test, { type TestContext } from "node:test";
import { createAuthority, openAuthority } from "../../../src/adapters/certificates/authority.ts";
import { createKeyAndRequest } from "../../../src/adapters/certificates/key-and-request.ts";
import { identifySocket } from "../../../src/server/access/certificate.ts";
import { secureOptionsOf, type TlsCredentials } from "../../../src/server/http/app.ts";
import { createPeerClient } from "../../../src/server/peers/http-peer-client.ts";
import { createTables } from "../../../src/server/view/view-tables.ts";
import { clock } from "../harness.ts";

/** Certificates of one authority, each for the server of that id. */
async function createCluster(): Promise<(id: string) => Promise<TlsCredentials>> {
  const nowMs = Date.now();
  const stored = await createAuthority({ commonName: "test", nowMs });
  const authority = openAuthority(stored);
  assert.ok(authority.ok);
  return async (id) => {
    const uris = [`holdfast:server:${id}`];
    const names = { commonName: `server ${id}`, uris, dnsNames: [], addresses: [] };
    const made = await createKeyAndRequest(names);
    assert.ok(made.ok);
    const { requestPem, keyPem } = made.value;
    const issued = await authority.value.issue({
      requestPem,
      subject: names,
      use: "server-and-client",
      lifeMs: 3_600_000,
      nowMs,
    });
    assert.ok(issued.ok);
    const { certificatePem } = issued.value;
    return { keyPem, certificatePem, authorityPem: stored.certificatePem };
  };
}

/** Says who the caller's certificate names. */
async function startPeer(t: TestContext, tls: TlsCredentials): Promise<string> {
  const tables = createTables();
  const value = { version: 1, id: "1", name: "s1", url: "https://127.0.0.1:1", serverVersion: "0" };
  const record = { ...value, registeredAtMs: 0 };
  const revisions = { createRevision: 1, modRevision: 1, leaseId: undefined };
  tables.put({ key: "servers/1", value: record, ...revisions });
  const server: Server = createServer(secureOptionsOf(tls), (request, response) => {
    const caller = identifySocket(request.socket, tables, Date.now());
    const who = caller?.ok === true ? caller.value.who : "nobody";
    const { authorization = "none" } = request.headers;
    response.end(JSON.stringify({ who, authorization }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return `https://127.0.0.1:${address.port}`;
}

test("createPeerClient() shows this server's certificate and believes only that of the server it means", async (t) => {
  const issue = await createCluster();
  const url = await startPeer(t, await issue("2"));
  const own = await issue("1");
  const peers = createPeerClient({ clock, tls: () => own, proof: "Holdfast-Peer 1 secret" });
  const request = { path: "/", signal: t.signal, withinMs: 10_000 };
  const answer = await peers.read({ id: "2", url }, request);
  assert.deepEqual(answer, { ok: true, value: { who: "server/1", authorization: "none" } });
  const other = await peers.read({ id: "3", url }, request);
  assert.ok(!other.ok);
  assert.match(other.error, /^server 3 \(https:.*\): its certificate is not that of server 3$/);
  const foreign = await startPeer(t, await (await createCluster())("2"));
  const stranger = await peers.read({ id: "2", url: foreign }, request);
  assert.ok(!stranger.ok);
  assert.match(stranger.error, /certificate/);
});

test("createPeerClient() takes the certificate that counts at the time of each request", async (t) => {
  const issue = await createCluster();
  const url = await startPeer(t, await issue("2"));
  let own = await issue("9"); // not of the cluster
  const peers = createPeerClient({ clock, tls: () => own, proof: "" });
  const request = { path: "/", signal: t.signal, withinMs: 10_000 };
  const first = await peers.read({ id: "2", url }, request);
  assert.deepEqual(first, { ok: true, value: { who: "nobody", authorization: "none" } });
  own = await issue("1");
  const second = await peers.read({ id: "2", url }, request);
  assert.deepEqual(second, { ok: true, value: { who: "server/1", authorization: "none" } });
});

test("createPeerClient() gives up a peer that does not answer in time, and says which", async (t) => {
  const silent = createSilent(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  t.after(() => silent.close());
  const address = silent.address();
  assert.ok(typeof address === "object" && address !== null);
  const url = `http://127.0.0.1:${address.port}`;
  const peers = createPeerClient({ clock, tls: () => undefined, proof: "" });
  const answer = await peers.read({ id: "2", url }, { path: "/", signal: t.signal, withinMs: 50 });
  assert.deepEqual(answer, { ok: false, error: `server 2 (${url}): no answer within 0.05 s` });
});
