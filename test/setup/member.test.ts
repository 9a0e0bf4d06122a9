/** startMember(): etcd is started again when it ends, ends with its server whatever ends that one, and says why it cannot go on. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { test } from "node:test";
import { openPkiDirectory } from "../../src/adapters/certificates/pki-directory.ts";
import { systemClock as clock } from "../../src/adapters/clock/system-clock.ts";
import { removedWords, startMember } from "../../src/adapters/etcd/member.ts";
import { missingForMember } from "../../src/adapters/etcd/programs.ts";
import { certifySelf, createAuthorities } from "../../src/setup/server-certificates.ts";
import { createEtcdAdmin } from "../../src/stores/etcd/etcd-admin.ts";
import { startControlPlane, until } from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { freePorts } from "../support/free-ports.ts";
import { temporaryFolder } from "./support/command.ts";
import { accessTo, firstOf } from "./support/facts.ts";
import { must } from "./support/must.ts";
import { silentLog as log } from "./support/silent-log.ts";

const skip = missingForEtcd();

/** etcd processes that have this folder for their data. */
function membersIn(dataDirectory: string): readonly number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return words[0]?.endsWith("etcd") === true && words.includes(dataDirectory);
    } catch {
      return false; // it has ended
    }
  });
}

async function optionsIn(folder: string): Promise<Parameters<typeof startMember>[0]> {
  const pki = must(await openPkiDirectory(folder));
  must(await createAuthorities(pki, clock));
  const holder = { id: "1", name: "one", host: "127.0.0.1", loadBalancer: undefined };
  must(await certifySelf({ pki, clock }, holder));
  const [clientPort = 0, peerPort = 0] = await freePorts(2);
  const peerUrl = `https://127.0.0.1:${peerPort}`;
  return {
    beginning: { name: "one", initialCluster: `one=${peerUrl}`, state: "new" },
    places: {
      dataDirectory: join(folder, "etcd"),
      pkiDirectory: join(folder, "pki"),
      clientUrl: `https://127.0.0.1:${clientPort}`,
      peerUrl,
    },
    ...{ clock, log },
  };
}

test("a member that is killed is started again, and one that is stopped is not", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const options = await optionsIn(temporaryFolder(t));
  const { dataDirectory } = options.places;
  const member = must(await startMember(options));
  t.after(() => member.stop());
  await until("it to run", () => membersIn(dataDirectory).length === 1);
  const [first = 0] = membersIn(dataDirectory);
  process.kill(first, "SIGKILL");
  await until("another one to run", () => membersIn(dataDirectory).some((pid) => pid !== first));
  await member.stop();
  assert.deepEqual(membersIn(dataDirectory), []);
  assert.equal(await member.ended, undefined);
  await member.stop();
});

test("a member that is stopped while it waits for its next start is not started", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const options = await optionsIn(temporaryFolder(t));
  const { dataDirectory } = options.places;
  const member = must(await startMember(options));
  await until("it to run", () => membersIn(dataDirectory).length === 1);
  const [first = 0] = membersIn(dataDirectory);
  process.kill(first, "SIGKILL");
  await until("it to be gone", () => membersIn(dataDirectory).length === 0);
  await member.stop();
  assert.equal(await member.ended, undefined);
  assert.deepEqual(membersIn(dataDirectory), []);
});

test("a program that is missing is told with its package", async (t) => {
  const options = await optionsIn(temporaryFolder(t));
  const started = await startMember({ ...options, program: "no-such-etcd" });
  const words =
    'the program "no-such-etcd" is not installed; on Debian: apt-get install etcd-server';
  assert.deepEqual(started, { ok: false, error: words });
  assert.equal((await missingForMember("/no/such/etcd")) === undefined, false);
  assert.equal(existsSync(options.places.dataDirectory), false);
});

test("a member dies with a server that is killed, and the next start has its ports", {
  skip,
  timeout: 90_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 1 });
  t.after(() => controlPlane.stop());
  const server = firstOf(controlPlane);
  const data = join(server.dataDirectory, "etcd");
  const [member = 0] = membersIn(data);
  assert.notEqual(member, 0);
  // The server alone, at once: nothing of it can still do anything about its member.
  server.process?.kill("SIGKILL");
  await until("the member to be gone", () => !membersIn(data).includes(member));
  server.start();
  await controlPlane.allServe();
  assert.equal(membersIn(data).length, 1);
  assert.equal(server.log.includes("address already in use"), false);
});

test("a member that the others have taken out ends for good, and says so", {
  skip,
  timeout: 90_000,
}, async (t) => {
  const controlPlane = await startControlPlane({ servers: 2 });
  t.after(() => controlPlane.stop());
  const [first, second] = controlPlane.servers;
  assert.ok(first && second);
  const admin = createEtcdAdmin(await accessTo(first));
  t.after(() => admin.close());
  const members = await admin.memberList();
  const own = members.ok ? members.value.find(({ name }) => name === "holdfast-2") : undefined;
  assert.ok(own);
  await until("it to be taken out", async () => (await admin.remove(own.id)).ok);
  assert.equal(await second.ended(), 1);
  assert.match(second.log, new RegExp(removedWords));
  assert.deepEqual(membersIn(join(second.dataDirectory, "etcd")), []);
});

test("a member is reached from an address that its certificate does not name, and only with a certificate", {
  skip,
  timeout: 60_000,
}, async (t) => {
  const options = await optionsIn(temporaryFolder(t));
  const member = must(await startMember(options));
  t.after(() => member.stop());
  const file = (name: string): string =>
    readFileSync(join(options.places.pkiDirectory, name), "utf8");
  const ask = (localAddress: string, pair?: "etcd" | "server"): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const asked = request(`${options.places.peerUrl}/version`, {
      ...{ localAddress, agent: false, ca: file("etcd-ca.crt"), timeout: 5_000 },
      ...(pair === undefined ? {} : { cert: file(`${pair}.crt`), key: file(`${pair}.key`) }),
    });
    asked.on("error", (error) => resolve(error.message));
    asked.on("timeout", () => asked.destroy(new Error("no answer")));
    asked.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("close", () => resolve(text));
    });
    asked.end();
    return promise;
  };
  // 127.0.0.2 is in no certificate here.
  const isAnswered = async (): Promise<boolean> =>
    (await ask("127.0.0.2", "etcd")).includes("etcdserver");
  await until("it to answer", isAnswered);
  assert.equal((await ask("127.0.0.1")).includes("etcdserver"), false, "without a certificate");
  const other = await ask("127.0.0.1", "server");
  assert.equal(other.includes("etcdserver"), false, "with one of the API's authority");
});
