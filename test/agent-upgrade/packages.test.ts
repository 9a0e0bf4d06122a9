/** Packages: what servers take for one, what agents unpack, and what both refuse. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { createAuthority } from "../../src/adapters/certificates/authority.ts";
import { isStatementOf, signStatement } from "../../src/adapters/certificates/statement.ts";
import { unpack } from "../../src/packages/unpack.ts";
import { packageContents } from "../../src/server/bundles/package-facts.ts";
import { packageStatement } from "../../src/wire/packages/package-file.ts";

interface Entry {
  readonly name: string;
  readonly content?: string;
  readonly type?: string;
  readonly mode?: string;
  readonly sizeBytes?: number;
}

/** An archive as tar writes it, and as no tar would. */
function tarOf(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ name, content = "", type = "0", mode = "644", sizeBytes }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`0000${mode}\0`, 100);
    header.write(`${(sizeBytes ?? content.length).toString(8).padStart(11, "0")}\0`, 124);
    header.write(" ".repeat(8), 148);
    header.write(type, 156);
    header.write("ustar\x0000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
    body.write(content);
    return [header, body];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1_024)]);
}

const about = JSON.stringify({ name: "holdfast", version: "0.2.0", engines: { node: ">=20" } });
const aboutEntry: Entry = { name: "package/package.json", content: about };
const mainEntry: Entry = { name: "package/dist/main.js", content: "console.log(1)\n".repeat(100) };
const binEntry: Entry = { name: "package/bin/holdfast", content: "#!/bin/sh\n", mode: "755" };
const whole = gzipSync(tarOf([aboutEntry, mainEntry, binEntry]));

async function* inPieces(content: Buffer, length = 100): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < content.length; at += length) yield content.subarray(at, at + length);
}

const contents: readonly (readonly [string, Buffer, string])[] = [
  ["a package", whole, "package 0.2.0"],
  ["a package cut off in its files", whole.subarray(0, whole.length - 20), "damaged 0.2.0"],
  ["an archive of something else", gzipSync(tarOf([{ name: "etc/passwd" }])), "other"],
  ["another package", gzipSync(tarOf([{ ...aboutEntry, content: '{"name":"x"}' }])), "other"],
  ["no JSON", gzipSync(tarOf([{ ...aboutEntry, content: "{" }])), "other"],
  ["compressed noise", gzipSync(Buffer.alloc(4_096, 7)), "other"],
  ["noise", Buffer.alloc(4_096, 7), "other"],
  ["nothing", Buffer.alloc(0), "other"],
  [
    "a version that is none",
    gzipSync(tarOf([{ ...aboutEntry, content: '{"name":"holdfast","version":"../1"}' }])),
    "other",
  ],
  [
    "a link after its package.json",
    gzipSync(tarOf([aboutEntry, { name: "package/x", type: "2" }])),
    "damaged 0.2.0",
  ],
];

for (const [what, content, expected] of contents) {
  test(`packageContents() of ${what} is ${expected}`, async () => {
    for (const length of [1, 511, 100_000]) {
      const found = await packageContents(inPieces(content, length));
      const words = found.kind === "other" ? "other" : `${found.kind} ${found.version}`;
      assert.equal(words, expected);
    }
  });
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "hf-unpack-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function unpackAs(folder: string, content: Buffer, version = "0.2.0", nodeVersion = "v24.0.0") {
  const file = join(folder, "package.tgz");
  writeFileSync(file, content);
  const place = join(folder, "versions", version);
  return unpack({ file, folder: place, version, sha256: "a".repeat(64), nodeVersion });
}

test("unpack() leaves the whole version, with its modes, and replaces what was there", async (t) => {
  const folder = temporaryFolder(t);
  for (let turn = 0; turn < 2; turn += 1) {
    const unpacked = await unpackAs(folder, whole);
    assert.ok(unpacked.ok, unpacked.ok ? "" : unpacked.error);
  }
  const place = join(folder, "versions/0.2.0");
  assert.deepEqual(readdirSync(place).sort(), [".sha256", "bin", "dist", "package.json"]);
  assert.equal(readFileSync(join(place, "dist/main.js"), "utf8"), mainEntry.content);
  assert.equal(statSync(join(place, "bin/holdfast")).mode & 0o777, 0o755);
  assert.equal(statSync(join(place, "dist/main.js")).mode & 0o777, 0o644);
  assert.deepEqual(readdirSync(join(folder, "versions")), ["0.2.0"]);
});

const refused: readonly (readonly [string, Buffer, RegExp])[] = [
  ["is cut off", whole.subarray(0, whole.length - 20), /cannot be unpacked/],
  ["has no main file", gzipSync(tarOf([aboutEntry])), /no dist\/main\.js/],
  [
    "says another version",
    gzipSync(tarOf([{ ...aboutEntry, content: about.replace("0.2.0", "0.3.0") }, mainEntry])),
    /it is a package of version 0\.3\.0, not 0\.2\.0/,
  ],
  [
    "needs a newer Node.js",
    gzipSync(tarOf([{ ...aboutEntry, content: about.replace(">=20", ">=99") }, mainEntry])),
    /needs Node\.js 99 or newer, and this machine runs it with v24/,
  ],
  [
    "would write beside its folder",
    gzipSync(tarOf([aboutEntry, { name: "package/../../evil", content: "x" }])),
    /cannot be a file's name/,
  ],
  [
    "has an absolute name",
    gzipSync(tarOf([{ name: "/etc/evil", content: "x" }])),
    /cannot be a file's name/,
  ],
  [
    "holds a link",
    gzipSync(tarOf([aboutEntry, { name: "package/dist", type: "2" }])),
    /neither a file nor a folder/,
  ],
  [
    "unpacks to far too much",
    gzipSync(tarOf([{ name: "package/x", sizeBytes: 2 ** 32 }])),
    /more than \d+ bytes/,
  ],
];

for (const [what, content, because] of refused) {
  test(`unpack() of a package that ${what} leaves nothing`, async (t) => {
    const folder = temporaryFolder(t);
    const unpacked = await unpackAs(folder, content);
    assert.equal(unpacked.ok, false);
    assert.match(unpacked.ok ? "" : unpacked.error, because);
    assert.deepEqual(readdirSync(join(folder, "versions")), []);
    assert.deepEqual(readdirSync(folder).sort(), ["package.tgz", "versions"]);
  });
}

test("isStatementOf() accepts what one of the trusted authorities has signed, and nothing else", async () => {
  const [old, current, foreign] = await Promise.all(
    ["old", "current", "foreign"].map((commonName) =>
      createAuthority({ commonName, nowMs: Date.now() }),
    ),
  );
  assert.ok(old !== undefined && current !== undefined && foreign !== undefined);
  const trusted = `${old.certificatePem}${current.certificatePem}`;
  const statement = packageStatement({ sha256: "a".repeat(64), version: "0.2.0" });
  const other = packageStatement({ sha256: "a".repeat(64), version: "0.2.1" });
  for (const [authority, isGood] of [
    [old, true],
    [current, true],
    [foreign, false],
  ] as const) {
    const signed = signStatement(authority.keyPem, statement);
    assert.ok(signed.ok);
    assert.equal(isStatementOf(trusted, statement, signed.value), isGood);
    assert.equal(isStatementOf(trusted, other, signed.value), false);
  }
  for (const signature of ["", "AAAA", "no base64 at all"]) {
    assert.equal(isStatementOf(trusted, statement, signature), false);
  }
  assert.equal(isStatementOf("", statement, "AAAA"), false);
});
