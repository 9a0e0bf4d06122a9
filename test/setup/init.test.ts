/** `server init`: what it leaves, what it refuses, and that it may be cut off anywhere and given again. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { inspectCertificate } from "../../src/adapters/certificates/inspect-certificate.ts";
import { openPkiDirectory } from "../../src/adapters/certificates/pki-directory.ts";
import { checkHost, checkServerName } from "../../src/setup/place/names.ts";
import { readEngine, serverPlaces } from "../../src/setup/server-files.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { freePortOfThree } from "../support/free-ports.ts";
import { beginHoldfast, holdfast, temporaryFolder } from "./support/command.ts";

async function initWords(data: string, ...more: string[]): Promise<string[]> {
  const place = ["--name", "one", "--host", "127.0.0.1", "--port", String(await freePortOfThree())];
  return ["server", "init", "--data", data, ...place, "--no-units", ...more];
}

test("server init leaves keys and tokens that only their owner can read, and says what comes next", async (t) => {
  const data = join(temporaryFolder(t), "data");
  const made = await holdfast(await initWords(data, "--load-balancer", "balancer.example:7440"));
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /server 1 "one" is initialised on the embedded store/);
  assert.match(made.stdout, /start it with: holdfast server launch --data/);
  const publicFiles = /\.crt$|\.crl$/;
  for (const entry of readdirSync(data, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const mode = statSync(path).mode & 0o777;
    const wanted = entry.isDirectory() ? 0o700 : publicFiles.test(entry.name) ? 0o644 : 0o600;
    assert.equal(mode.toString(8), wanted.toString(8), path);
  }
  assert.equal(statSync(data).mode & 0o777, 0o700);
  const token = readFileSync(join(data, "admin.token"), "utf8").trim();
  assert.ok(!made.stdout.includes(token) && !made.stderr.includes(token), "the token is not shown");
  const facts = inspectCertificate(readFileSync(join(data, "pki/server.crt"), "utf8"));
  assert.ok(facts.ok);
  assert.deepEqual(facts.value.dnsNames, ["one", "localhost", "balancer.example"]);
  assert.deepEqual(facts.value.addresses, ["127.0.0.1", "::1"]);
  assert.deepEqual(facts.value.uris, ["holdfast:server:1"]);

  const again = await holdfast(await initWords(data, "--load-balancer", "other:1"));
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /initialised already: server 1 "one" on the embedded store/);
  assert.match(again.stdout, /holdfast server load-balancer other:1/);
});

/** In the order in which they are made. */
const marks = [
  ...["server-identity.json", "pki/ca.crt", "pki/ca.key", "pki/etcd-ca.key", "pki/etcd.crl"],
  ...["pki/server.now", "pki/etcd.now", "admin.token.new", "admin.token", "first-start.json"],
  ...["store.json.new", "store.json"],
];

const killsMin = 4;
const walksMax = 10;

test("server init that is killed at any point left nothing or all, and can be given again", async (t) => {
  let killedCount = 0;
  // On a machine where the kill comes late some end in time: more of them are begun then.
  for (let walk = 0; killedCount < killsMin; walk += 1) {
    assert.ok(walk < walksMax, `${killedCount} were cut off in ${walk} walks`);
    const data = join(temporaryFolder(t), "data");
    const words = await initWords(data);
    for (const mark of marks) {
      if (await isKilledAt(words, join(data, mark))) killedCount += 1;
      await assertNothingOrAll(data, mark);
    }
    const done = await holdfast(words);
    assert.equal(done.code, 0, done.stderr);
    await assertNothingOrAll(data, "the end");
    assert.ok((await readEngine(serverPlaces(data))).ok);
  }
  t.diagnostic(`killed ${killedCount} times`);
});

/** Begins unless the file is there, and kills as soon as it is; false: it was there, or the end came before. */
async function isKilledAt(words: readonly string[], path: string): Promise<boolean> {
  if (existsSync(path)) return false;
  const { child, outcome } = beginHoldfast(words);
  const looking = setInterval(() => {
    if (existsSync(path)) child.kill("SIGKILL");
  }, 1);
  const { code } = await outcome;
  clearInterval(looking);
  return code === undefined;
}

async function assertNothingOrAll(data: string, when: string): Promise<void> {
  const engine = await readEngine(serverPlaces(data));
  assert.ok(engine.ok, `${when}: ${engine.ok ? "" : engine.error}`);
  if (engine.value === undefined) return;
  const pki = await openPkiDirectory(data);
  assert.ok(pki.ok);
  for (const name of ["ca", "etcd-ca"] as const) {
    const authority = await pki.value.readAuthority(name);
    assert.ok(authority.ok && authority.value !== undefined, `${when}: ${name}`);
  }
  for (const name of ["server", "etcd"] as const) {
    const pair = await pki.value.readPair(name);
    assert.ok(pair.ok && pair.value !== undefined, `${when}: ${name}`);
  }
  assert.match(readFileSync(join(data, "admin.token"), "utf8"), /^hf_admin_[\w-]{43}\n$/);
}

test("server init refuses a port that is in use, and leaves nothing", async (t) => {
  const data = join(temporaryFolder(t), "data");
  const words = await initWords(data);
  const port = Number(words[words.indexOf("--port") + 1]);
  const other = createServer().listen(port, "127.0.0.1");
  t.after(() => other.close());
  const refused = await holdfast(words);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    new RegExp(`cannot listen on port ${port} .*another process uses .*--port`),
  );
  assert.equal(existsSync(join(data, "server-identity.json")), false);
});

test("server init --ha says which package has etcd where it is not installed, and leaves nothing", async (t) => {
  const folder = temporaryFolder(t);
  const data = join(folder, "data");
  const programs = join(folder, "programs");
  mkdirSync(programs);
  symlinkSync(process.execPath, join(programs, "node"));
  const refused = await holdfast(await initWords(data, "--ha"), { PATH: programs });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /"etcd" is not installed; on Debian: apt-get install etcd-server/);
  assert.equal(existsSync(join(data, "store.json")), false);
});

test("server init --ha checks the ports of its member too", {
  skip: missingForEtcd(),
}, async (t) => {
  const data = join(temporaryFolder(t), "data");
  const words = await initWords(data, "--ha");
  const port = Number(words[words.indexOf("--port") + 1]);
  const other = createServer().listen(port + 2, "127.0.0.1");
  t.after(() => other.close());
  const refused = await holdfast(words);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, new RegExp(`port ${port + 2} \\(for the store's members\\)`));
});

const badWords: readonly (readonly [readonly string[], RegExp])[] = [
  [["--name", "a b"], /"a b" is no server's name/],
  [["--host", "10.0.0.256"], /neither a host's name nor an IP address/],
  [["--host", "0.0.0.0"], /stands for all addresses/],
  [["--load-balancer", "nowhere"], /write HOST:PORT/],
  [["--etcd", "https://10.0.0.1:2379"], /need certificates/],
  [["--etcd", "http://10.0.0.1:2379", "--etcd-ca", "x"], /all three files are needed/],
  [["--etcd", "http://h:1,https://h:2"], /cannot be mixed/],
];
for (const [words, message] of badWords) {
  test(`server init refuses ${words.join(" ")}`, async (t) => {
    const data = join(temporaryFolder(t), "data");
    const refused = await holdfast([...(await initWords(data)), ...words]);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, message);
    assert.equal(existsSync(data), false);
  });
}

test("server init refuses a name that this machine cannot find", async (t) => {
  const data = join(temporaryFolder(t), "data");
  const refused = await holdfast([...(await initWords(data)), "--host", "no-such-host.invalid"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /cannot find the address of "no-such-host\.invalid".*--host/);
});

const hosts: readonly (readonly [string, string | undefined])[] = [
  ["10.0.0.1", "10.0.0.1"],
  ["[2001:DB8:0::1]", "2001:db8::1"],
  ["2001:db8:0:0:0:0:0:1", "2001:db8::1"],
  ["srv1.example.org", "srv1.example.org"],
  ["Srv-1", "Srv-1"],
  ["fe80::1%eth0", undefined],
  ["::", undefined],
  ["0.0.0.0", undefined],
  ["1.2.3", undefined],
  ["srv_1", undefined],
  ["-srv", undefined],
  ["srv..org", undefined],
  ["srv1:7440", undefined],
  ["https://srv1", undefined],
  ["", undefined],
  ["a".repeat(254), undefined],
];
for (const [text, wanted] of hosts) {
  test(`checkHost() takes "${text.slice(0, 30)}" for ${wanted ?? "no host"}`, () => {
    const checked = checkHost(text);
    assert.equal(checked.ok ? checked.value : undefined, wanted);
  });
}

test("checkServerName() takes what can stand in a certificate and a table", () => {
  for (const name of ["one", "SRV-1", "a", "a".repeat(63)])
    assert.ok(checkServerName(name).ok, name);
  for (const name of ["", "-a", "a-", "a b", "a_b", "a.b", "ä", "a".repeat(64)]) {
    assert.equal(checkServerName(name).ok, false, name);
  }
});
