/** A server that was off past the end of its certificates comes back by itself: it has the keys of the authorities. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { inspectCertificate } from "../../src/adapters/certificates/inspect-certificate.ts";
import { openPkiDirectory } from "../../src/adapters/certificates/pki-directory.ts";
import { systemClock } from "../../src/adapters/clock/system-clock.ts";
import { isCounting } from "../../src/core/certificate-life.ts";
import type { CertificateFacts, PkiDirectory } from "../../src/ports/certificates.ts";
import type { Clock } from "../../src/ports/clock.ts";
import {
  certifySelf,
  createAuthorities,
  namesOfServer,
  renewEndedPairs,
} from "../../src/setup/server-certificates.ts";
import { createTestLog } from "../agent/support/tools.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  type TestServer,
} from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { holdfast, temporaryFolder } from "./support/command.ts";
import { firstOf } from "./support/facts.ts";
import { must } from "./support/must.ts";

const skip = missingForEtcd();
const dayMs = 86_400_000;
const pairs = ["server", "etcd"] as const;
const holder = { id: "1", name: "one", host: "127.0.0.1", loadBalancer: "lb.example.org:7440" };

function clockAt(nowMs: number): Clock {
  return { ...systemClock, wallMs: () => nowMs };
}

async function factsOf(pki: PkiDirectory, pair: (typeof pairs)[number]): Promise<CertificateFacts> {
  return must(inspectCertificate(must(await pki.readPair(pair))?.certificatePem ?? ""));
}

/** A server's certificates, made 400 days ago for a year. */
async function madeLongAgo(t: TestContext) {
  const madeMs = Math.floor(Date.now() / 1_000) * 1_000 - 400 * dayMs;
  const pki = must(await openPkiDirectory(temporaryFolder(t)));
  must(await createAuthorities(pki, clockAt(madeMs)));
  must(await certifySelf({ pki, clock: clockAt(madeMs) }, holder));
  return { pki, madeMs, log: createTestLog() };
}

test("renewEndedPairs() signs anew what is over, with all names that it had", async (t) => {
  const { pki, madeMs, log } = await madeLongAgo(t);
  const before = await factsOf(pki, "server");
  const nowMs = Date.now();
  await renewEndedPairs({ pki, clock: clockAt(nowMs) }, log);
  for (const pair of pairs) {
    const facts = await factsOf(pki, pair);
    assert.ok(isCounting({ ...facts, nowMs }), pair);
    // If it is this clock that is wrong, and is set to where the old one counted.
    assert.ok(isCounting({ ...facts, nowMs: madeMs + dayMs }), pair);
    const { commonName, uris, dnsNames, addresses } = facts;
    assert.deepEqual({ commonName, uris, dnsNames, addresses }, namesOfServer(holder));
  }
  assert.equal(log.lines.length, 2);
  const until = new Date(before.notAfterMs).toISOString();
  assert.match(
    log.lines[0] ?? "",
    /^info .*"server" does not count now and is signed anew: the one before/,
  );
  assert.ok(log.lines[0]?.includes(until), log.lines[0]);
});

test("renewEndedPairs() leaves what counts, and what it cannot sign by this clock", async (t) => {
  const { pki, madeMs, log } = await madeLongAgo(t);
  const before = await factsOf(pki, "server");
  await renewEndedPairs({ pki, clock: clockAt(madeMs + 300 * dayMs) }, log);
  assert.deepEqual(log.lines, []);
  await renewEndedPairs({ pki, clock: clockAt(madeMs - dayMs) }, log);
  assert.equal(log.lines.length, 2);
  assert.match(log.lines[0] ?? "", /^warn .*the clock of this machine is wrong, set it/);
  assert.deepEqual(await factsOf(pki, "server"), before);
});

/** As if it had been off for long. */
async function letCertificatesEnd({ dataDirectory, id, name }: TestServer): Promise<void> {
  const pki = must(await openPkiDirectory(dataDirectory));
  const clock = clockAt(Date.now() - 120_000);
  const own = { id, name, host: "127.0.0.1", loadBalancer: undefined };
  must(await certifySelf({ pki, clock, lifeMs: 60_000 }, own));
  for (const pair of pairs) {
    assert.ok(!isCounting({ ...(await factsOf(pki, pair)), nowMs: Date.now() }), pair);
  }
}

/** A cluster of one on etcd, which was stopped, and whose certificates are over by now. */
async function longStopped(t: TestContext): Promise<TestControlPlane> {
  const controlPlane = await startControlPlane({ servers: 1 });
  t.after(() => controlPlane.stop());
  const server = firstOf(controlPlane);
  assert.equal(await server.end(), 0);
  await letCertificatesEnd(server);
  return controlPlane;
}

test("a server with a member of its own serves again after its certificates are over", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await longStopped(t);
  const server = firstOf(controlPlane);
  server.start();
  await controlPlane.allServe();
  assert.match(server.logOfThisLife, /"etcd\\" does not count now and is signed anew/);
  assert.match(server.logOfThisLife, /"server\\" does not count now and is signed anew/);
  assert.equal(answerOf(await controlPlane.client().servers()).items.length, 1);
});

test("server recover opens what it has after its certificates are over", {
  skip,
  timeout: 120_000,
}, async (t) => {
  const controlPlane = await longStopped(t);
  const server = firstOf(controlPlane);
  const looked = await holdfast(["server", "recover", "--data", server.dataDirectory]);
  assert.match(looked.stdout, /server 1 "server1" knows 0 nodes/, looked.stderr);
});
