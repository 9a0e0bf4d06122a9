/** The folder pki/: modes, what it refuses, the order of changes, and what a crash or a reader in between finds. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openPkiDirectory } from "../../src/adapters/certificates/pki-directory.ts";
import type { PkiDirectory } from "../../src/ports/certificates.ts";
import { issuePair, makeAuthority, must, refusal, temporaryFolder } from "./support/tools.ts";

async function withDirectory(
  run: (directory: PkiDirectory, path: string) => Promise<void>,
): Promise<void> {
  const folder = temporaryFolder();
  try {
    await run(must(await openPkiDirectory(folder.path)), folder.path);
  } finally {
    folder.remove();
  }
}

/** Text of the pair's two files, as a program finds them that knows their names only. */
function filesOf(directory: PkiDirectory, pair: "server" | "etcd" = "server") {
  return {
    certificatePem: readFileSync(directory.pathOf(`${pair}.crt`), "utf8"),
    keyPem: readFileSync(directory.pathOf(`${pair}.key`), "utf8"),
  };
}

test("writePair() keeps a pair that is read back, under the names that others know", async () => {
  await withDirectory(async (directory, path) => {
    assert.equal(must(await directory.readPair("server")), undefined);
    const ca = await makeAuthority();
    must(await directory.writeTrusted("ca", ca.certificatePem));
    for (let count = 1; count <= 3; count += 1) {
      const { keyPem, certificatePem } = await issuePair(ca);
      must(await directory.writePair("server", { keyPem, certificatePem }));
      const again = must(await openPkiDirectory(path));
      const expected = { keyPem, certificatePem };
      assert.deepEqual(must(await again.readPair("server")), expected);
      assert.deepEqual(filesOf(directory), expected);
    }
    const kept = readdirSync(join(path, "pki")).filter((name) => /^server\.\d+$/.test(name));
    assert.deepEqual(kept, ["server.3"], "no old key is left on the disk");
  });
});

test("keys are for their owner only, and so is the folder, also one that was there before", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder.path, "pki"), { mode: 0o755 });
  const directory = must(await openPkiDirectory(folder.path));
  const ca = await makeAuthority();
  must(await directory.writeTrusted("ca", ca.certificatePem));
  must(await directory.writeAuthorityKey("ca", ca.keyPem));
  must(await directory.writePair("server", await issuePair(ca)));
  const modeOf = (path: string) => statSync(path).mode & 0o777;
  assert.equal(modeOf(join(folder.path, "pki")), 0o700);
  assert.equal(modeOf(directory.pathOf("ca.key")), 0o600);
  assert.equal(modeOf(directory.pathOf("server.key")), 0o600);
  folder.remove();
});

test("writePair() refuses a certificate that does not belong to the key, and keeps the old pair", async () => {
  await withDirectory(async (directory) => {
    const ca = await makeAuthority();
    const [first, second] = [await issuePair(ca), await issuePair(ca)];
    must(await directory.writeTrusted("ca", ca.certificatePem));
    must(await directory.writePair("server", first));
    const mixed = { keyPem: first.keyPem, certificatePem: second.certificatePem };
    assert.match(refusal(await directory.writePair("server", mixed)), /does not belong/);
    assert.equal(must(await directory.readPair("server"))?.certificatePem, first.certificatePem);
  });
});

test("an authority is changed in one order only: trust both, switch, drop the old one", async () => {
  await withDirectory(async (directory) => {
    const [old, next] = [await makeAuthority(), await makeAuthority()];
    const both = old.certificatePem + next.certificatePem;
    assert.match(
      refusal(await directory.writePair("server", await issuePair(old))),
      /write it first/,
    );
    assert.match(refusal(await directory.writeAuthorityKey("ca", old.keyPem)), /write it first/);
    must(await directory.writeTrusted("ca", old.certificatePem));
    must(await directory.writeAuthorityKey("ca", old.keyPem));
    must(await directory.writePair("server", await issuePair(old)));

    const switched = await issuePair(next);
    assert.match(
      refusal(await directory.writePair("server", switched)),
      /trust its authority first/,
    );
    assert.match(refusal(await directory.writeAuthorityKey("ca", next.keyPem)), /trust it first/);
    assert.match(refusal(await directory.writeTrusted("ca", next.certificatePem)), /no trusted/);
    must(await directory.writeTrusted("ca", both));
    assert.match(refusal(await directory.writeTrusted("ca", next.certificatePem)), /no trusted/);
    must(await directory.writeAuthorityKey("ca", next.keyPem));
    assert.match(refusal(await directory.writeTrusted("ca", next.certificatePem)), /"server"/);
    must(await directory.writePair("server", switched));
    assert.match(refusal(await directory.writeTrusted("ca", old.certificatePem)), /no trusted/);
    must(await directory.writeTrusted("ca", next.certificatePem));

    const stored = must(await directory.readAuthority("ca"));
    assert.deepEqual(stored, { keyPem: next.keyPem, certificatePem: next.certificatePem });
    assert.equal(must(await directory.readTrusted("ca")), next.certificatePem);
  });
});

test("writePair() takes new authorities along, also where the holder had missed the change", async () => {
  await withDirectory(async (directory) => {
    const [old, next] = [await makeAuthority(), await makeAuthority()];
    const both = old.certificatePem + next.certificatePem;
    for (const [from, authorityPem] of [
      [old, old.certificatePem],
      [old, both],
      [next, both],
      [next, next.certificatePem],
      [old, old.certificatePem], // as if it had been away the whole time
    ] as const) {
      const pair = await issuePair(from);
      must(await directory.writePair("agent", { ...pair, authorityPem }));
      assert.equal(must(await directory.readPair("agent"))?.keyPem, pair.keyPem);
      assert.equal(must(await directory.readTrusted("ca")), authorityPem);
    }
    const stranger = await issuePair(next);
    const refused = await directory.writePair("agent", {
      ...stranger,
      authorityPem: old.certificatePem,
    });
    assert.match(refusal(refused), /no trusted authority has issued/);
    assert.equal(must(await directory.readTrusted("ca")), old.certificatePem, "nothing changed");
  });
});

test("the two authorities do not vouch for each other's pairs", async () => {
  await withDirectory(async (directory) => {
    const [cluster, etcd] = [await makeAuthority(), await makeAuthority()];
    must(await directory.writeTrusted("ca", cluster.certificatePem));
    must(await directory.writeTrusted("etcd-ca", etcd.certificatePem));
    refusal(await directory.writePair("etcd", await issuePair(cluster)));
    refusal(await directory.writePair("server", await issuePair(etcd)));
    must(await directory.writePair("etcd", await issuePair(etcd)));
  });
});

test("readPair() reads plain files that somebody has put there, and the first change replaces them", async () => {
  await withDirectory(async (directory) => {
    const ca = await makeAuthority();
    const [first, second] = [await issuePair(ca), await issuePair(ca)];
    must(await directory.writeTrusted("ca", ca.certificatePem));
    writeFileSync(directory.pathOf("etcd.crt"), first.certificatePem);
    const missing = refusal(await directory.readPair("etcd"));
    assert.match(missing, /the key is missing/);
    writeFileSync(directory.pathOf("etcd.key"), first.keyPem);
    assert.equal(must(await directory.readPair("etcd"))?.keyPem, first.keyPem);
    must(await directory.writeTrusted("etcd-ca", ca.certificatePem));
    must(await directory.writePair("etcd", second));
    assert.equal(filesOf(directory, "etcd").keyPem, second.keyPem);
  });
});

test("readPair() names what is damaged, and a new pair mends it", async () => {
  await withDirectory(async (directory, path) => {
    const ca = await makeAuthority();
    must(await directory.writeTrusted("ca", ca.certificatePem));
    const pki = join(path, "pki");
    const damages: readonly (readonly [() => void, RegExp])[] = [
      [() => writeFileSync(directory.pathOf("server.key"), "x"), /"server".*is damaged/],
      [() => rmSync(directory.pathOf("server.crt")), /damaged|missing/],
      [() => rmSync(join(pki, readLink(pki)), { recursive: true }), /missing/],
    ];
    for (const [damage, why] of damages) {
      must(await directory.writePair("server", await issuePair(ca)));
      damage();
      const read = await directory.readPair("server");
      if (!read.ok) assert.match(read.error, why);
      must(await directory.writePair("server", await issuePair(ca)));
      assert.deepEqual(filesOf(directory), must(await directory.readPair("server")));
    }
    rmSync(join(pki, "server.now"));
    symlinkSync("/etc", join(pki, "server.now"));
    assert.match(refusal(await directory.readPair("server")), /instead of a folder beside it/);
  });
});

function readLink(pki: string): string {
  return readdirSync(pki).find((name) => /^server\.\d+$/.test(name)) ?? "";
}

test("openPkiDirectory() makes the links that a crash had left out", async () => {
  await withDirectory(async (directory, path) => {
    const ca = await makeAuthority();
    must(await directory.writeTrusted("ca", ca.certificatePem));
    const pair = await issuePair(ca);
    must(await directory.writePair("server", pair));
    rmSync(directory.pathOf("server.key"));
    writeFileSync(directory.pathOf("server.crt"), "a plain file of before");
    must(await openPkiDirectory(path));
    assert.equal(filesOf(directory).keyPem, pair.keyPem);
    assert.ok(lstatSync(directory.pathOf("server.crt")).isSymbolicLink());
  });
});

/** Writes one pair after the other, of a list on its command line, until it is killed. */
const writer = `
import { readFileSync } from "node:fs";
import { openPkiDirectory } from ${JSON.stringify(join(import.meta.dirname, "../../src/adapters/certificates/pki-directory.ts"))};
const [path, listFile] = process.argv.slice(1);
const pairs = JSON.parse(readFileSync(listFile, "utf8"));
const opened = await openPkiDirectory(path);
for (let count = 0; ; count += 1) {
  const written = await opened.value.writePair("server", pairs[count % pairs.length]);
  if (!written.ok) { console.log(written.error); process.exit(1); }
  if (count === 0) console.log("begun");
}
`;

test("a reader finds a whole pair at every moment, also after SIGKILL at any moment", async () => {
  await withDirectory(async (directory, path) => {
    const ca = await makeAuthority();
    must(await directory.writeTrusted("ca", ca.certificatePem));
    const pairs = await Promise.all([1, 2, 3].map(async () => await issuePair(ca)));
    const list = join(path, "pairs.json");
    writeFileSync(list, JSON.stringify(pairs));
    const known = new Set(pairs.map(({ keyPem }) => keyPem));
    const seed = Number(process.env["HOLDFAST_TEST_SEED"] ?? Date.now() % 100_000);
    process.stdout.write(`seed ${seed} (HOLDFAST_TEST_SEED)\n`);
    let reads = 0;
    for (let round = 0; round < 12; round += 1) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", writer, path, list], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      assert.equal(String((await once(child.stdout, "data"))[0]).trim(), "begun");
      const readsNow = 1 + ((seed * 31 + round * 7) % 23);
      for (let count = 0; count < readsNow; count += 1, reads += 1) {
        const pair = must(await directory.readPair("server"));
        assert.ok(pair !== undefined && known.has(pair.keyPem));
      }
      child.kill("SIGKILL");
      await once(child, "exit");
      const left = must(await must(await openPkiDirectory(path)).readPair("server"));
      assert.ok(left !== undefined && known.has(left.keyPem), "a whole pair after the kill");
      assert.deepEqual(filesOf(directory), left, "and under the names that others know");
    }
    assert.ok(reads >= 12);
  });
});

test("openPkiDirectory() says where it cannot be made", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder.path, "file"), "");
  const refused = refusal(await openPkiDirectory(join(folder.path, "file")));
  assert.match(refused, /cannot use the folder ".*pki": a part of the path is not a directory/);
  folder.remove();
});
