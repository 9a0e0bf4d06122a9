/** Authority: what it signs, under which names, and what openssl and TLS make of it. */
import assert from "node:assert/strict";
import { createPublicKey, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { createAuthority, openAuthority } from "../../src/adapters/certificates/authority.ts";
import { inspectCertificate } from "../../src/adapters/certificates/inspect-certificate.ts";
import { createKeyAndRequest } from "../../src/adapters/certificates/key-and-request.ts";
import { findAuthority, hashOfAuthority } from "../../src/adapters/certificates/pem.ts";
import {
  connect,
  dayMs,
  handshake,
  issuePair,
  makeAuthority,
  material,
  must,
  namesOf,
  openssl,
  refusal,
  startEcho,
  temporaryFolder,
  withoutProgram,
} from "./support/tools.ts";

const noOpenssl = withoutProgram("openssl", "version");
const folder = temporaryFolder();
after(() => folder.remove());

let fileCount = 0;
function file(text: string): string {
  fileCount += 1;
  const path = join(folder.path, `${fileCount}.pem`);
  writeFileSync(path, text);
  return path;
}

const names = {
  commonName: "server 1, of O=b + #ü",
  uris: ["holdfast:server:1"],
  dnsNames: ["localhost", "ha.example.org", "*.ha.example.org"],
  addresses: ["127.0.0.1", "::1", "2001:db8::10"],
};

test("issue() gives a certificate that openssl verifies, with the subject's names", {
  skip: noOpenssl,
}, async () => {
  const ca = await makeAuthority('Böse, O="authority" #1');
  const pair = await issuePair(ca, names);
  const path = file(pair.certificatePem);
  const strict = ["verify", "-x509_strict", "-check_ss_sig", "-CAfile", file(ca.certificatePem)];
  for (const purpose of ["sslserver", "sslclient"]) {
    assert.match(await openssl(...strict, "-purpose", purpose, path), /: OK/);
  }
  const text = await openssl("x509", "-in", path, "-noout", "-ext", "subjectAltName");
  for (const name of [...names.uris, ...names.dnsNames, "127.0.0.1", "2001:DB8:0:0:0:0:0:10"]) {
    assert.ok(text.includes(name), `${name} in ${text}`);
  }
});

test("issue() tells in its facts what the certificate says", async () => {
  const ca = await makeAuthority("old", 1e12);
  const pair = await issuePair(ca, names, { lifeMs: dayMs, nowMs: 1e12 });
  assert.deepEqual(pair.facts, {
    ...names,
    serial: pair.facts.serial,
    notBeforeMs: 1e12 - 300_000,
    notAfterMs: 1e12 + dayMs,
  });
  assert.deepEqual(inspectCertificate(pair.certificatePem), { ok: true, value: pair.facts });
  assert.match(pair.facts.serial, /^[4-7][0-9a-f]{31}$/, "positive, and of full length");
  const node = new X509Certificate(pair.certificatePem);
  assert.equal(node.serialNumber.toLowerCase(), pair.facts.serial);
});

test("issue() takes the key out of a request, and none of its names or wishes", async () => {
  const ca = await makeAuthority();
  const wanted = namesOf({
    commonName: "root",
    uris: ["holdfast:server:1"],
    dnsNames: ["evil.org"],
  });
  const { requestPem, keyPem } = must(await createKeyAndRequest(wanted));
  const issued = must(
    await ca.authority.issue({
      requestPem,
      subject: namesOf({ commonName: "node a", dnsNames: [], addresses: [] }),
      use: "client",
      lifeMs: dayMs,
      nowMs: Date.now(),
    }),
  );
  const { commonName, uris, dnsNames, addresses } = issued.facts;
  assert.deepEqual(
    { commonName, uris, dnsNames, addresses },
    { ...wanted, commonName: "node a", uris: [], dnsNames: [], addresses: [] },
  );
  const certificate = new X509Certificate(issued.certificatePem);
  assert.equal(certificate.ca, false);
  const spki = { type: "spki", format: "pem" } as const;
  assert.equal(certificate.publicKey.export(spki), createPublicKey(keyPem).export(spki));
});

async function issueFor(requestPem: string, subject = namesOf()) {
  const { authority } = await makeAuthority();
  return await authority.issue({
    requestPem,
    subject,
    use: "client",
    lifeMs: dayMs,
    nowMs: Date.now(),
  });
}

test("issue() refuses a request that was not signed with its own key", async () => {
  const { requestPem } = must(await createKeyAndRequest(namesOf()));
  const der = Buffer.from(requestPem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  // The common name is signed too; no byte of structure is touched.
  const at = der.indexOf("test");
  assert.ok(at > 0);
  der.write("rest", at);
  const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
  assert.match(refusal(await issueFor(changed)), /not signed with its own key/);
});

for (const [what, requestPem] of [
  ["an empty text", ""],
  ["no PEM", "hello"],
  ["broken base64", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"],
] as const) {
  test(`issue() refuses ${what} as a request`, async () => {
    assert.match(refusal(await issueFor(requestPem)), /cannot be read/);
  });
}

test("issue() refuses a request of boundless length", async () => {
  assert.match(refusal(await issueFor("A".repeat(1_000_000))), /too long/);
});

test("issue() refuses a request for another kind of key", { skip: noOpenssl }, async () => {
  for (const kind of ["rsa:2048", "ec"]) {
    const curve = kind === "ec" ? ["-pkeyopt", "ec_paramgen_curve:secp384r1"] : [];
    const key = file("");
    const request = await openssl(
      ...["req", "-new", "-newkey", kind, ...curve, "-nodes", "-keyout", key, "-subj", "/CN=a"],
    );
    assert.match(refusal(await issueFor(request)), /not for an ECDSA key on P-256/);
  }
});

for (const [what, subject, why] of [
  ["an empty common name", { commonName: "" }, /common name/],
  ["a common name of 65 characters", { commonName: "a".repeat(65) }, /common name/],
  ["an address as a DNS name", { dnsNames: ["10.0.0.1"] }, /"10.0.0.1" is no DNS name/],
  ["a DNS name with a comma", { dnsNames: ["a, DNS:b"] }, /is no DNS name/],
  ["a name as an address", { addresses: ["localhost"] }, /is no IP address/],
  ["an address with a zone", { addresses: ["fe80::1%eth0"] }, /is no IP address/],
  ["a URI with a comma", { uris: ["holdfast:server:1, URI:holdfast:server:2"] }, /cannot be a URI/],
  ["too many names", { dnsNames: Array.from({ length: 65 }, (_, i) => `h${i}`) }, /64 names/],
] as const) {
  test(`issue() refuses ${what}`, async () => {
    const { requestPem } = must(await createKeyAndRequest(namesOf()));
    assert.match(refusal(await issueFor(requestPem, namesOf(subject))), why);
    assert.match(refusal(await createKeyAndRequest(namesOf(subject))), why);
  });
}

test("issue() never gives a certificate that outlives its authority, and none after its end", async () => {
  const made = await createAuthority({ commonName: "short", lifeMs: dayMs, nowMs: 1e12 });
  const authority = must(openAuthority(made));
  const pair = await issuePair({ authority }, {}, { nowMs: 1e12, lifeMs: 30 * dayMs });
  assert.equal(pair.facts.notAfterMs, 1e12 + dayMs);
  const { requestPem } = must(await createKeyAndRequest(namesOf()));
  const late = { requestPem, subject: namesOf(), use: "client", lifeMs: 1_000 } as const;
  assert.match(refusal(await authority.issue({ ...late, nowMs: 1e12 + dayMs })), /has expired on/);
});

test("issue() signs nothing by a clock from before its authority was made", async () => {
  const { authority } = await makeAuthority("young", 1e12);
  const beginMs = 1e12 - 300_000;
  const { requestPem } = must(await createKeyAndRequest(namesOf()));
  const order = { requestPem, subject: namesOf(), use: "client", lifeMs: dayMs } as const;
  const why = refusal(await authority.issue({ ...order, nowMs: beginMs - 1 }));
  const words =
    "the clock of this machine is wrong, set it: it says 2001-09-09T01:41:39.999Z, and the certificate authority counts from 2001-09-09T01:41:40.000Z";
  assert.equal(why, words);
  must(await authority.issue({ ...order, nowMs: beginMs }));
});

test("issue() covers the span that it is told to, and none beyond the authority's end", async () => {
  const { authority } = await makeAuthority("old", 1e12);
  const span = async (notBeforeMs: number, notAfterMs: number) => {
    const order = { nowMs: 1e12 + 10 * dayMs, lifeMs: dayMs };
    const { facts } = await issuePair(
      { authority },
      {},
      { ...order, covers: { notBeforeMs, notAfterMs } },
    );
    return [facts.notBeforeMs - 1e12, facts.notAfterMs - 1e12];
  };
  const own = [10 * dayMs - 300_000, 11 * dayMs];
  assert.deepEqual(await span(1e12 + 20 * dayMs, 1e12 + 30 * dayMs), [own[0], 30 * dayMs]);
  assert.deepEqual(await span(1e12 + 2 * dayMs, 1e12 + 3 * dayMs), [2 * dayMs, own[1]]);
  assert.deepEqual(await span(1e12 + 10 * dayMs, 1e12 + 10 * dayMs + 1_000), own);
  assert.deepEqual(await span(1e12 + 20 * dayMs, 1e12 + 9_999 * dayMs), [own[0], 3_652 * dayMs]);
});

test("a certificate of use client opens a connection, and cannot pose as a server", async () => {
  const ca = await makeAuthority();
  const server = await issuePair(ca);
  const client = await issuePair(ca, {}, { use: "client" });
  const echo = await startEcho(material(server, ca));
  const posing = await startEcho(material(client, ca));
  try {
    assert.equal(await handshake(echo.port, material(client, ca)), server.facts.serial);
    await assert.rejects(connect(posing.port, material(server, ca)), { code: "INVALID_PURPOSE" });
  } finally {
    await echo.close();
    await posing.close();
  }
});

test("a connection with the certificate of another authority of the same name is refused", async () => {
  const [ca, twin] = [await makeAuthority(), await makeAuthority()];
  const echo = await startEcho(material(await issuePair(ca), ca));
  try {
    await assert.rejects(connect(echo.port, material(await issuePair(twin), ca)));
    await assert.rejects(connect(echo.port, material(await issuePair(ca), twin)));
    await assert.rejects(connect(echo.port, { authorityPem: ca.certificatePem }), "without one");
    await handshake(echo.port, material(await issuePair(ca), ca));
  } finally {
    await echo.close();
  }
});

test("openAuthority() takes the authority of its key out of several, and refuses a foreign key", async () => {
  const [old, next] = [await makeAuthority(), await makeAuthority()];
  const certificatePem = old.certificatePem + next.certificatePem;
  const opened = must(openAuthority({ certificatePem, keyPem: next.keyPem }));
  assert.equal(opened.certificatePem.trim(), next.certificatePem.trim());
  const wrong = { certificatePem: old.certificatePem, keyPem: next.keyPem };
  assert.match(refusal(openAuthority(wrong)), /no certificate of an authority belongs/);
  assert.match(refusal(openAuthority({ ...old, keyPem: "x" })), /key cannot be used/);
  const leaf = await issuePair(old);
  assert.match(refusal(openAuthority(leaf)), /is not that of an authority/);
});

test("hashOfAuthority() is the SHA-256 of the public key that openssl computes", {
  skip: noOpenssl,
}, async () => {
  const ca = await makeAuthority();
  const key = await openssl("x509", "-in", file(ca.certificatePem), "-noout", "-pubkey");
  const der = join(folder.path, "key.der");
  await openssl("pkey", "-pubin", "-in", file(key), "-outform", "DER", "-out", der);
  const digest = (await openssl("dgst", "-sha256", "-r", der)).split(" ")[0];
  assert.equal(must(hashOfAuthority(ca.certificatePem)), `sha256:${digest}`);
});

test("findAuthority() gives the pinned authority out of several only", async () => {
  const [old, next] = [await makeAuthority(), await makeAuthority()];
  const hash = must(hashOfAuthority(next.certificatePem));
  const found = must(findAuthority(old.certificatePem + next.certificatePem, hash));
  assert.equal(found.trim(), next.certificatePem.trim());
  assert.match(refusal(findAuthority(old.certificatePem, hash)), /and not sha256:/);
  assert.match(refusal(findAuthority("", hash)), /BEGIN CERTIFICATE/);
});

test("revocationList() makes openssl refuse what is in it, and nothing else", {
  skip: noOpenssl,
}, async () => {
  const ca = await makeAuthority();
  const [good, bad] = [await issuePair(ca), await issuePair(ca)];
  const nowMs = Date.now();
  for (const revoked of [[], [{ serial: bad.facts.serial, atMs: nowMs }]]) {
    const list = { revoked, nowMs, nextUpdateMs: nowMs + dayMs };
    const crl = file(await ca.authority.revocationList(list));
    const authority = file(ca.certificatePem);
    const verify = ["verify", "-crl_check", "-CRLfile", crl, "-CAfile", authority];
    await openssl("crl", "-in", crl, "-noout", "-verify", "-CAfile", authority);
    assert.match(await openssl(...verify, file(good.certificatePem)), /: OK/);
    const verified = openssl(...verify, file(bad.certificatePem));
    if (revoked.length === 0) assert.match(await verified, /: OK/);
    else await assert.rejects(verified, /certificate revoked/);
  }
});
