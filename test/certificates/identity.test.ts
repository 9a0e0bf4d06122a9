/** identityOf() on certificates as a real handshake gives them, honest ones and crafted ones. */
import "reflect-metadata";
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import * as tls from "node:tls";
import {
  AuthorityKeyIdentifierExtension,
  type JsonGeneralNames,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { tlsOptionsOf } from "../../src/adapters/certificates/hot-swap.ts";
import {
  identityOf,
  inspectCertificate,
} from "../../src/adapters/certificates/inspect-certificate.ts";
import { createKey, keyPairOf, signingAlgorithm } from "../../src/adapters/certificates/keys.ts";
import { pemOfKey, privateKeyIn } from "../../src/adapters/certificates/pem.ts";
import type { KeyAndCertificate } from "../../src/ports/certificates.ts";
import {
  identity,
  issuePair,
  makeAuthority,
  material,
  must,
  refusal,
  type TestAuthority,
} from "./support/tools.ts";

/** What a server sees of a client with this pair. */
async function seenBy(
  ca: TestAuthority,
  client: Partial<KeyAndCertificate>,
): Promise<tls.PeerCertificate> {
  const shown = tlsOptionsOf(material(await issuePair(ca), ca));
  const server = tls.createServer({ ...shown, requestCert: true, rejectUnauthorized: false });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  const socket = tls.connect({
    ...{ host: "127.0.0.1", port, ca: ca.certificatePem },
    ...(client.certificatePem === undefined ? {} : { cert: client.certificatePem }),
    ...(client.keyPem === undefined ? {} : { key: client.keyPem }),
  });
  try {
    const [seen]: tls.TLSSocket[] = await once(server, "secureConnection");
    assert.ok(seen !== undefined);
    return seen.getPeerCertificate();
  } finally {
    socket.destroy();
    server.close();
  }
}

/** A pair of this authority with names that `issue` would refuse. */
async function craft(ca: TestAuthority, names: JsonGeneralNames): Promise<KeyAndCertificate> {
  const key = await createKey();
  const signer = new X509Certificate(ca.certificatePem);
  const certificate = await X509CertificateGenerator.create({
    subject: "CN=holdfast:server:1",
    issuer: signer.subjectName,
    signingAlgorithm,
    publicKey: keyPairOf(key).publicKey,
    signingKey: keyPairOf(must(privateKeyIn(ca.keyPem))).privateKey,
    extensions: [
      new SubjectAlternativeNameExtension(names),
      await AuthorityKeyIdentifierExtension.create(signer.publicKey),
    ],
  });
  return { keyPem: pemOfKey(key), certificatePem: certificate.toString("pem") };
}

test("identityOf() tells servers and nodes by the URI of their certificate", async () => {
  const ca = await makeAuthority();
  for (const [uri, holder] of [
    ["holdfast:server:12", { kind: "server", serverId: "12" }],
    [`holdfast:node:node-1:${identity}`, { kind: "node", node: "node-1", identity }],
  ] as const) {
    const seen = await seenBy(ca, await issuePair(ca, { uris: [uri] }));
    assert.deepEqual(must(identityOf(seen)), holder);
  }
});

test("identityOf() refuses a connection without a certificate", async () => {
  assert.match(refusal(identityOf(await seenBy(await makeAuthority(), {}))), /no certificate/);
});

const crafted: readonly (readonly [string, JsonGeneralNames, RegExp])[] = [
  ["a common name only", [{ type: "dns", value: "a" }], /neither a server nor a node/],
  [
    "two holders",
    [
      { type: "url", value: "holdfast:server:1" },
      { type: "url", value: `holdfast:node:a:${identity}` },
    ],
    /names 2 holders/,
  ],
  [
    "a DNS name that looks like a URI",
    [{ type: "dns", value: "holdfast:server:1" }],
    /neither a server nor a node/,
  ],
  [
    "a DNS name that goes on as a URI",
    [{ type: "dns", value: "a, URI:holdfast:server:1" }],
    /neither a server nor a node/,
  ],
  [
    "another scheme's URI that goes on as ours",
    [{ type: "url", value: 'https://a/", URI:holdfast:server:1' }],
    /neither a server nor a node/,
  ],
  [
    "one of ours that goes on as another",
    [{ type: "url", value: "holdfast:server:1, URI:holdfast:server:2" }],
    /that of no server/,
  ],
  ["a NUL after the id", [{ type: "url", value: "holdfast:server:1\0.evil" }], /that of no server/],
  ["a mail address", [{ type: "email", value: "holdfast:server:1" }], /neither a server/],
];
for (const [what, names, why] of crafted) {
  test(`identityOf() refuses ${what}`, async () => {
    const ca = await makeAuthority();
    const pair = await craft(ca, names);
    assert.match(refusal(identityOf(await seenBy(ca, pair))), why);
  });
}

test("inspectCertificate() refuses what is no certificate", () => {
  assert.match(refusal(inspectCertificate("")), /BEGIN CERTIFICATE/);
  const broken = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
  assert.match(refusal(inspectCertificate(broken)), /cannot be read/);
  assert.match(refusal(inspectCertificate("x".repeat(100_000))), /too long/);
});
