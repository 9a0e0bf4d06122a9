/** A server changes its certificate and its trust while it runs. */
import assert from "node:assert/strict";
import { once } from "node:events";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { swapCertificate, tlsOptionsOf } from "../../src/adapters/certificates/hot-swap.ts";
import {
  connect,
  handshake,
  issuePair,
  makeAuthority,
  material,
  must,
  refusal,
  startEcho,
} from "./support/tools.ts";

test("swapCertificate() keeps open connections, and shows new ones the new certificate", async () => {
  const ca = await makeAuthority();
  const [first, second, client] = [await issuePair(ca), await issuePair(ca), await issuePair(ca)];
  const echo = await startEcho(material(first, ca));
  try {
    const open = await connect(echo.port, material(client, ca));
    must(swapCertificate(echo.server, material(second, ca)));
    assert.equal(await handshake(echo.port, material(client, ca)), second.facts.serial);
    await open.echo("still here");
    assert.equal(open.peer.serialNumber.toLowerCase(), first.facts.serial);
    open.socket.destroy();
  } finally {
    await echo.close();
  }
});

test("swapCertificate() works on an HTTPS server in the middle of an answer", async () => {
  const ca = await makeAuthority();
  const [first, second] = [await issuePair(ca), await issuePair(ca)];
  let finish = (): void => {};
  const server = https.createServer(tlsOptionsOf(material(first, ca)), (_, response) => {
    response.write("begun, ");
    finish = () => response.end("done");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  const request = https.get({ host: "127.0.0.1", port, ca: ca.certificatePem, agent: false });
  const [response]: AsyncIterable<Buffer>[] = await once(request, "response");
  assert.ok(response !== undefined);
  must(swapCertificate(server, material(second, ca)));
  finish();
  let text = "";
  for await (const piece of response) text += String(piece);
  assert.equal(text, "begun, done");
  server.close();
});

test("swapCertificate() ends the trust in an authority also for sessions that could be resumed", async () => {
  const [old, next] = [await makeAuthority(), await makeAuthority()];
  const server = await issuePair(next);
  const client = material(await issuePair(old), next);
  const echo = await startEcho(material(server, old, next));
  try {
    const open = await connect(echo.port, client);
    await open.echo("hello"); // the session of TLS 1.3 comes after the handshake
    const session = open.session();
    assert.ok(session !== undefined, "there is a session to resume");
    const resumed = await connect(echo.port, client, { session });
    assert.ok(resumed.socket.isSessionReused(), "it can be resumed before the swap");
    must(swapCertificate(echo.server, material(server, next)));
    await assert.rejects(connect(echo.port, client, { session }));
    open.socket.destroy();
    resumed.socket.destroy();
  } finally {
    await echo.close();
  }
});

test("swapCertificate() refuses what does not fit, and the server goes on with what it had", async () => {
  const ca = await makeAuthority();
  const [first, second] = [await issuePair(ca), await issuePair(ca)];
  const echo = await startEcho(material(first, ca));
  try {
    const mixed = { ...second, keyPem: first.keyPem };
    for (const wrong of [
      material(mixed, ca),
      material(second),
      material(second, second),
      { ...material(second, ca), certificatePem: "" },
    ]) {
      refusal(swapCertificate(echo.server, wrong));
    }
    assert.equal(await handshake(echo.port, material(second, ca)), first.facts.serial);
  } finally {
    await echo.close();
  }
});
