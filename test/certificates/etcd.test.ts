/** What a real etcd makes of the certificates, revocations and rotations, while it runs. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { inspectCertificate } from "../../src/adapters/certificates/inspect-certificate.ts";
import { createKeyAndRequest } from "../../src/adapters/certificates/key-and-request.ts";
import { keepCertificateFresh } from "../../src/runtime/certificate-rotation.ts";
import { createTestLog, realClock } from "../agent/support/tools.ts";
import { ask, type EtcdBench, startEtcd } from "./support/etcd-bench.ts";
import { issuer } from "./support/rotation-bench.ts";
import {
  dayMs,
  issuePair,
  makeAuthority,
  material,
  must,
  namesOf,
  type TestAuthority,
  withoutProgram,
} from "./support/tools.ts";

const skip = withoutProgram("etcd", "--version") || withoutProgram("setpriv", "--version");
let etcd: EtcdBench;
let next: TestAuthority;
let pidAtStart: number | undefined;

before(async () => {
  if (skip !== false) return;
  next = await makeAuthority("Holdfast store");
  etcd = await startEtcd(next);
  pidAtStart = etcd.pid();
});
after(async () => {
  if (skip !== false) return;
  assert.equal(etcd.pid(), pidAtStart, "etcd was never restarted");
  await etcd.stop();
});

/** The two doors of a member, and what is asked there. */
const doors = [
  ["client", "/health"],
  ["peer", "/version"],
] as const;

for (const [door, path] of doors) {
  test(`a revoked certificate is refused at the next handshake with etcd's ${door} port`, {
    skip,
  }, async () => {
    const port = etcd.ports[door];
    const [good, bad] = [await issuePair(etcd.ca), await issuePair(etcd.ca)];
    const { answer } = await ask(port, material(bad, etcd.ca), path);
    assert.ok(answer !== undefined, "it counts before it is revoked");
    await etcd.revoke(etcd.ca, [bad.facts.serial, "0123"]);
    for (let times = 0; times < 3; times += 1) {
      assert.equal((await ask(port, material(bad, etcd.ca), path)).answer, undefined);
      assert.notEqual((await ask(port, material(good, etcd.ca), path)).answer, undefined);
    }
    await etcd.revoke(etcd.ca, []);
    assert.notEqual((await ask(port, material(bad, etcd.ca), path)).answer, undefined);
  });

  test(`a certificate of another authority does not open etcd's ${door} port`, {
    skip,
  }, async () => {
    const stranger = await issuePair(await makeAuthority("Holdfast store"));
    const asked = await ask(etcd.ports[door], material(stranger, etcd.ca), path);
    assert.equal(asked.answer, undefined);
    assert.ok(asked.error !== undefined);
  });
}

test("no handshake fails while etcd's certificate is changed under it, with its key kept", {
  skip,
}, async () => {
  const client = material(await issuePair(etcd.ca), etcd.ca, next);
  const stop = new AbortController();
  const rotation = keepCertificateFresh({
    ...{ pair: "etcd", directory: etcd.directory, names: namesOf, key: "kept" },
    ...{ createKeyAndRequest, inspectCertificate, clock: realClock, log: createTestLog() },
    issue: issuer(etcd.ca, realClock, 30 * dayMs),
    onChanged: () => undefined,
    signal: stop.signal,
  });
  const seen = new Set<string | undefined>();
  let isOver = false;
  const handshakes = [1, 2].map(async () => {
    for (let count = 0; !isOver; count += 1) {
      const { answer, serial, error } = await ask(etcd.ports.client, client);
      assert.ok(answer !== undefined, `handshake ${count}: ${error}`);
      seen.add(serial);
    }
  });
  try {
    for (let count = 0; count < 40; count += 1) must(await rotation.reissueNow());
  } finally {
    isOver = true;
    stop.abort();
    await rotation.ended;
  }
  await Promise.all(handshakes);
  const { serial } = await ask(etcd.ports.client, client);
  const stored = must(await etcd.directory.readPair("etcd"));
  assert.ok(stored !== undefined);
  assert.equal(serial, must(inspectCertificate(stored.certificatePem)).serial);
  assert.equal(stored.keyPem.trim(), etcd.first.keyPem.trim());
  assert.ok(seen.size > 5, `only ${seen.size} certificates were seen`);
});

test("writePair() mends without a restart what two files changed one by one have broken", {
  skip,
}, async () => {
  const client = material(await issuePair(etcd.ca), etcd.ca);
  const [halfWay, whole] = [await issuePair(etcd.ca), await issuePair(etcd.ca)];
  writeFileSync(etcd.directory.pathOf("etcd.crt"), halfWay.certificatePem);
  const broken = await ask(etcd.ports.client, client);
  assert.equal(broken.answer, undefined, "a certificate with another key opens nothing");
  must(await etcd.directory.writePair("etcd", whole));
  assert.equal((await ask(etcd.ports.client, client)).serial, whole.facts.serial);
});

test("etcd goes over to another authority without a restart, while it trusts both", {
  skip,
}, async () => {
  const ofOld = await issuePair(etcd.ca);
  const ofNext = await issuePair(next);
  const askAs = async (pair: typeof ofOld) =>
    await ask(etcd.ports.client, material(pair, etcd.ca, next));
  for (const pair of [ofOld, ofNext]) assert.ok((await askAs(pair)).answer !== undefined);
  const switched = await issuePair(next);
  must(await etcd.directory.writePair("etcd", switched));
  for (const pair of [ofOld, ofNext])
    assert.equal((await askAs(pair)).serial, switched.facts.serial);
  const onlyNext = await ask(etcd.ports.client, material(ofNext, next));
  assert.ok(onlyNext.answer !== undefined, "whoever has dropped the old one already gets in too");
});
