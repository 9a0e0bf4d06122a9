/** Certificates are replaced before they are over, of servers and agents, and nothing is started anew for it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspectCertificate } from "../../src/adapters/certificates/inspect-certificate.ts";
import { openPkiDirectory } from "../../src/adapters/certificates/pki-directory.ts";
import { ok } from "../../src/core/result.ts";
import { openAgentCertificate } from "../../src/roles/agent-certificate.ts";
import { until as untilShort } from "../agent/support/tools.ts";
import { rotationBench } from "../certificates/support/rotation-bench.ts";
import { issuePair, makeAuthority } from "../certificates/support/tools.ts";
import { ManualClock } from "../stores/manual-clock.ts";
import { answerOf, startControlPlane, type TestProcess, until } from "../support/control-plane.ts";
import { missingForEtcd } from "../support/etcd-cluster.ts";
import { temporaryFolder } from "./support/command.ts";
import { Probes } from "./support/load.ts";
import { must } from "./support/must.ts";
import { watchUntil } from "./support/open-ends.ts";
import { silentLog } from "./support/silent-log.ts";

const skip = missingForEtcd();
const lifeMs = 18_000;

function serialOf({ dataDirectory }: TestProcess, pair: string): string {
  const pem = readFileSync(join(dataDirectory, "pki", `${pair}.crt`), "utf8");
  return must(inspectCertificate(pem)).serial;
}

test("certificates of servers and agents are replaced again and again without a restart", {
  skip,
  timeout: 150_000,
}, async (t) => {
  const runner = [join(import.meta.dirname, "support/short-lived.ts"), String(lifeMs)];
  const controlPlane = await startControlPlane({ servers: 2, nodes: 1, runner });
  t.after(() => controlPlane.stop());
  // The node's lease goes on through all of it: a busy machine must not end it.
  answerOf(await controlPlane.client().changeSettings({ profile: "balanced" }));
  const probes = new Probes(controlPlane);
  await probes.add(1);
  const { servers, nodes } = controlPlane;
  const before = answerOf(await controlPlane.client().node("node1"));
  const pids = [...servers, ...nodes].map((one) => one.process?.pid);
  const holders = [
    ...servers.flatMap((server) => [[server, "server"] as const, [server, "etcd"] as const]),
    ...nodes.map((node) => [node, "agent"] as const),
  ];
  const seen = holders.map(() => new Set<string>());
  const stop = new AbortController();
  const stream = watchUntil(controlPlane.client(), stop.signal);
  await until(
    "each to have had four certificates",
    () => {
      for (const [index, [holder, pair]] of holders.entries())
        seen[index]?.add(serialOf(holder, pair));
      return seen.every((serials) => serials.size >= 4);
    },
    4 * lifeMs,
  );

  // The first ones are over by now: whatever goes on goes on with new ones.
  await controlPlane.allServe();
  const after = answerOf(await controlPlane.client().node("node1"));
  assert.deepEqual([after.state, after.epoch], ["online", before.epoch], "its lease went on");
  assert.equal(probes.begunCount("process:probe1"), 1, "its service went on");
  await probes.add(1);
  assert.deepEqual(
    [...servers, ...nodes].map((one) => one.process?.pid),
    pids,
  );
  for (const { log, name } of servers) {
    assert.equal(log.split("listens on https").length, 2, `${name} was started once`);
    assert.equal(log.includes("cannot renew"), false, name);
    assert.equal(log.includes("etcd ended"), false, name);
  }
  stop.abort();
  assert.equal(await stream, "went on", "a stream that was open stayed open");
});

test("an agent that is told another authority with its certificate trusts it from then on", async (t) => {
  const data = temporaryFolder(t);
  const [old, fresh] = [await makeAuthority("old"), await makeAuthority("new")];
  const pki = must(await openPkiDirectory(data));
  must(await pki.writeTrusted("ca", old.certificatePem));
  // Due at once.
  const first = await issuePair(old, {}, { lifeMs: 10_000, nowMs: Date.now() - 9_000 });
  must(await pki.writePair("agent", first));
  const clock = new ManualClock();
  clock.jump(Date.now() - clock.wallMs());
  const certificate = await openAgentCertificate(data, { clock, log: silentLog, random: () => 0 });
  assert.ok(certificate.ok);
  const end = new AbortController();
  const shown: string[] = [];
  const ended = certificate.value.keepFresh({
    signal: end.signal,
    issue: async (requestPem) => {
      const subject = { commonName: "n", uris: [], dnsNames: [], addresses: [] };
      const order = {
        requestPem,
        subject,
        use: "client",
        lifeMs: 100_000,
        nowMs: Date.now(),
      } as const;
      const issued = must(await fresh.authority.issue(order));
      return ok({ certificatePem: issued.certificatePem, authorityPem: fresh.certificatePem });
    },
    onChanged: ({ authorityPem }) => shown.push(authorityPem),
  });
  await untilShort("it has another one", () => shown.length === 1);
  end.abort();
  await ended;
  assert.equal(shown[0], fresh.certificatePem);
  assert.equal(certificate.value.current().authorityPem, fresh.certificatePem);
  assert.equal(must(await pki.readTrusted("ca")), fresh.certificatePem);
});

test("keepCertificateFresh() spreads those that got their certificates at one moment", async () => {
  const waitsMs: number[] = [];
  for (const spread of [0, 0.5, 0.999]) {
    const bench = await rotationBench();
    try {
      bench.begin({ spread });
      await untilShort("it waits", () => bench.clock.timerCount === 1);
      const { notBeforeMs, notAfterMs } = bench.first.facts;
      const shareOfLife = spread / 12 + 2 / 3;
      const dueInMs =
        Math.ceil(notBeforeMs + (notAfterMs - notBeforeMs) * shareOfLife) - bench.clock.wallMs();
      bench.clock.advance(dueInMs - 1_000);
      await untilShort("it still waits", () => bench.clock.timerCount === 1);
      assert.equal(bench.changes.length, 0, `spread ${spread}: not before its time`);
      bench.clock.advance(1_001);
      await untilShort("it was renewed", () => bench.changes.length === 1);
      waitsMs.push(dueInMs);
    } finally {
      await bench.end();
    }
  }
  const [none = 0, half = 0, most = 0] = waitsMs;
  assert.ok(half - none > 10_000 && most - half > 10_000, waitsMs.join());
});
