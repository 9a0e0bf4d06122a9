/** keepCertificateFresh(): when it renews, what it does about failures, and that a running server follows. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { swapCertificate } from "../../src/adapters/certificates/hot-swap.ts";
import { inspectCertificate } from "../../src/adapters/certificates/inspect-certificate.ts";
import { systemClock } from "../../src/adapters/clock/system-clock.ts";
import { isCounting } from "../../src/core/certificate-life.ts";
import { err, ok } from "../../src/core/result.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { reissueForServer } from "../../src/setup/server-certificates.ts";
import { until } from "../agent/support/tools.ts";
import { issuer, lifeMs, type RotationBench, rotationBench } from "./support/rotation-bench.ts";
import {
  connect,
  dayMs,
  handshake,
  issuePair,
  makeAuthority,
  material,
  must,
  refusal,
  startEcho,
} from "./support/tools.ts";

function rotationTest(name: string, run: (bench: RotationBench) => Promise<void>): void {
  test(`keepCertificateFresh() ${name}`, async () => {
    const bench = await rotationBench();
    try {
      await run(bench);
    } finally {
      await bench.end();
    }
  });
}

/** The loop sleeps until its next look. */
async function asleep({ clock }: RotationBench): Promise<void> {
  await until("it waits for a timer", () => clock.timerCount === 1);
}

async function renewed(bench: RotationBench, times: number): Promise<void> {
  await until(`renewed ${times} times`, () => bench.changes.length === times);
}

rotationTest("renews at two thirds of the life, not before, and again and again", async (bench) => {
  bench.begin();
  const { notBeforeMs, notAfterMs } = bench.first.facts;
  const dueInMs = notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3 - bench.clock.wallMs();
  await asleep(bench);
  bench.clock.advance(dueInMs - 1);
  await asleep(bench);
  assert.equal(bench.changes.length, 0);
  for (let times = 1; times <= 3; times += 1) {
    bench.clock.advance(times === 1 ? 1 : lifeMs);
    await renewed(bench, times);
    await asleep(bench);
  }
  const stored = must(await bench.directory.readPair("server"));
  assert.deepEqual(stored?.certificatePem.trim(), bench.changes[2]?.certificatePem.trim());
  assert.equal(new Set(bench.changes.map(({ keyPem }) => keyPem)).size, 3, "a new key each time");
});

const reasons: readonly (readonly [string, (bench: RotationBench) => void])[] = [
  ["is due", ({ clock }) => clock.jump((lifeMs * 2) / 3)],
  ["has expired", ({ clock }) => clock.jump(lifeMs * 2)],
  ["is damaged", ({ directory }) => writeFileSync(directory.pathOf("server.key"), "x")],
  [
    "is missing",
    ({ directory }) => rmSync(join(dirname(directory.pathOf("server.key")), "server.now")),
  ],
];
for (const [what, prepare] of reasons) {
  rotationTest(`renews at once a pair that ${what} when it begins`, async (bench) => {
    prepare(bench);
    bench.begin();
    await renewed(bench, 1);
    const stored = must(await bench.directory.readPair("server"));
    assert.equal(stored?.keyPem, bench.changes[0]?.keyPem);
  });
}

/** The bench's clock, of which only the wall time can be set. */
function settable(clock: RotationBench["clock"]): Clock & { aheadMs: number } {
  return {
    aheadMs: 0,
    monotonicMs: () => clock.monotonicMs(),
    wallMs() {
      return clock.wallMs() + this.aheadMs;
    },
    after: (delayMs, callback) => clock.after(delayMs, callback),
  };
}

rotationTest("notices a wall clock that was set, within a minute", async (bench) => {
  const clock = settable(bench.clock);
  bench.issue = issuer(bench.ca, clock, 100 * dayMs);
  must(await bench.begin({ clock }).reissueNow());
  await asleep(bench);
  clock.aheadMs = 90 * dayMs;
  bench.clock.advance(60_000);
  await renewed(bench, 2);
});

/** A holder that signs for itself, as a server does, by a wall clock that is not that of now. */
async function selfSigning(bench: RotationBench, aheadMs: number) {
  const clock = settable(bench.clock);
  clock.aheadMs = aheadMs;
  const { directory: pki, ca } = bench;
  must(await pki.writeAuthorityKey("ca", ca.keyPem));
  const holder = { id: "1", name: "one", host: "127.0.0.1", loadBalancer: undefined };
  bench.issue = async (requestPem) => {
    const order = { pair: "server", requestPem } as const;
    const issued = await reissueForServer({ pki, clock, lifeMs }, order, holder);
    return issued.ok ? ok({ certificatePem: issued.value }) : issued;
  };
  return clock;
}

/** Whether what the holder shows counts at the wall time. */
async function counts({ directory }: RotationBench, nowMs: number): Promise<boolean> {
  const pair = must(await directory.readPair("server"));
  return isCounting({ ...must(inspectCertificate(pair?.certificatePem ?? "")), nowMs });
}

rotationTest("never leaves a pair of the past where a clock was early", async (bench) => {
  const clock = await selfSigning(bench, -20 * dayMs);
  bench.begin({ clock });
  await renewed(bench, 1);
  await asleep(bench);
  // Nobody can tell whether this clock is wrong, or that of when the first one was signed.
  assert.ok(await counts(bench, clock.wallMs()), "by the early clock");
  assert.ok(await counts(bench, bench.first.facts.notBeforeMs), "by the right one");
  assert.ok(await counts(bench, bench.first.facts.notAfterMs - 1));
  clock.aheadMs = 0;
  assert.ok(await counts(bench, clock.wallMs()), "the moment that the clock is set");
  bench.clock.advance(60_000);
  await renewed(bench, 2);
  await asleep(bench);
  const { notAfterMs, notBeforeMs } = must(
    inspectCertificate(bench.changes[1]?.certificatePem ?? ""),
  );
  assert.ok(notAfterMs - notBeforeMs < 2 * lifeMs, "and then one of the usual life");
});

rotationTest("signs nothing by a clock from before its authority", async (bench) => {
  const clock = await selfSigning(bench, -20_000 * dayMs);
  bench.begin({ clock });
  const { lines } = bench.log;
  for (let minutes = 0; minutes < 10; minutes += 1) {
    await until("it has tried in this minute", () => lines.length === minutes + 1);
    await asleep(bench);
    bench.clock.advance(60_000);
  }
  await until("it has tried once more", () => lines.length === 11);
  assert.match(lines[0] ?? "", /the clock of this machine is wrong, set it/);
  assert.equal(bench.changes.length, 0);
  await asleep(bench);
  const stored = must(await bench.directory.readPair("server"));
  assert.equal(stored?.keyPem, bench.first.keyPem, "the good one is still there");
  clock.aheadMs = lifeMs;
  bench.clock.advance(60_000);
  await renewed(bench, 1);
  assert.ok(await counts(bench, clock.wallMs()));
});

rotationTest("replaces at once what a clock ahead has signed", async (bench) => {
  const future = { nowMs: bench.clock.wallMs() + 3 * dayMs, lifeMs };
  must(await bench.directory.writePair("server", await issuePair(bench.ca, {}, future)));
  const clock = await selfSigning(bench, 0);
  bench.begin({ clock });
  await renewed(bench, 1);
  assert.ok(await counts(bench, clock.wallMs()));
});

rotationTest("tries again with growing waits until it succeeds", async (bench) => {
  const { issue } = bench;
  const triedAtMs: number[] = [];
  bench.issue = async (requestPem, signal) => {
    triedAtMs.push(bench.clock.wallMs());
    return triedAtMs.length < 6 ? err("no server answers") : await issue(requestPem, signal);
  };
  assert.equal(refusal(await bench.begin().reissueNow()), "no server answers");
  for (let tries = 1; tries < 6; tries += 1) {
    await asleep(bench);
    bench.clock.advance(1_000 * 2 ** (tries - 1) - 1);
    assert.equal(triedAtMs.length, tries, "not before its time");
    bench.clock.advance(1);
    await until("tried again", () => triedAtMs.length === tries + 1);
  }
  await renewed(bench, 1);
  const warnings = bench.log.lines.filter((line) => line.startsWith("warn"));
  assert.equal(warnings.length, 5);
  assert.match(warnings[0] ?? "", /cannot renew the certificate "server".*no server answers/);
});

rotationTest("gives up on an issuer that never answers, and tries again", async (bench) => {
  const { issue } = bench;
  let asked = 0;
  bench.issue = async (requestPem, signal) => {
    asked += 1;
    return asked > 1 ? await issue(requestPem, signal) : await new Promise(() => undefined);
  };
  const outcome = bench.begin().reissueNow();
  await until("asked", () => asked === 1);
  bench.clock.advance(60_000);
  assert.match(refusal(await outcome), /no answer within 60 s/);
  await asleep(bench);
  bench.clock.advance(1_000);
  await renewed(bench, 1);
});

rotationTest(
  "refuses what does not fit its key or its time, and keeps what it has",
  async (bench) => {
    const { issue } = bench;
    const stranger = await issuePair(await makeAuthority());
    const expired = await issuePair(bench.ca, {}, { nowMs: Date.now() - 86_400_000, lifeMs });
    const other = await issuePair(bench.ca, {}, { nowMs: bench.clock.wallMs(), lifeMs });
    const answers = [
      ["not even a certificate", /is refused: there is no/],
      [expired.certificatePem, /due for rotation already: compare the clocks/],
      [other.certificatePem, /does not belong to the private key/],
      [stranger.certificatePem, /does not belong/],
    ] as const;
    const rotation = bench.begin();
    for (const [certificatePem, why] of answers) {
      bench.issue = async () => await Promise.resolve(ok({ certificatePem }));
      assert.match(refusal(await rotation.reissueNow()), why);
      const stored = must(await bench.directory.readPair("server"));
      assert.equal(stored?.keyPem, bench.first.keyPem);
    }
    bench.issue = issue;
    must(await rotation.reissueNow());
  },
);

rotationTest(
  "issues anew for whoever asks, once more for who asks in the middle",
  async (bench) => {
    const { issue } = bench;
    let asked = 0;
    let goOn = (): void => {};
    bench.issue = async (requestPem, signal) => {
      asked += 1;
      if (asked === 1) await new Promise<void>((resolve) => (goOn = resolve));
      return await issue(requestPem, signal);
    };
    const rotation = bench.begin();
    const early = [rotation.reissueNow(), rotation.reissueNow()];
    await until("asked", () => asked === 1);
    const late = rotation.reissueNow();
    goOn();
    for (const outcome of [...early, late]) must(await outcome);
    assert.equal(asked, 2, "one for both early ones; names may have changed for the late one");
  },
);

rotationTest("keeps the key where that is wanted", async (bench) => {
  const rotation = bench.begin({ key: "kept" });
  must(await rotation.reissueNow());
  const stored = must(await bench.directory.readPair("server"));
  assert.equal(stored?.keyPem, bench.first.keyPem);
  assert.notEqual(stored.certificatePem, bench.first.certificatePem);
});

rotationTest(
  "ends when it is told, whatever it waits for, and answers who waits",
  async (bench) => {
    let asked = 0;
    bench.issue = async () => {
      asked += 1;
      return await new Promise(() => undefined);
    };
    const rotation = bench.begin();
    const inFlight = rotation.reissueNow();
    await until("asked", () => asked === 1);
    const waiting = rotation.reissueNow();
    await bench.end();
    assert.equal(bench.clock.timerCount, 0, "no timer is left");
    for (const outcome of [inFlight, waiting, rotation.reissueNow()]) refusal(await outcome);
  },
);

test("a server with certificates of nine seconds goes on for several lives without a restart", async () => {
  const bench = await rotationBench();
  const forMs = 9_000;
  const short = await issuePair(bench.ca, {}, { lifeMs: forMs });
  must(await bench.directory.writePair("server", short));
  const client = material(await issuePair(bench.ca), bench.ca);
  const echo = await startEcho(material(short, bench.ca));
  bench.begin({
    clock: systemClock,
    issue: issuer(bench.ca, systemClock, forMs),
    onChanged: (pair) => must(swapCertificate(echo.server, material(pair, bench.ca))),
  });
  try {
    const open = await connect(echo.port, client);
    const seen = new Set<string>();
    const endAtMs = performance.now() + 60_000;
    // Every handshake counts: OpenSSL refuses a certificate the second it has expired.
    while (seen.size < 4 && performance.now() < endAtMs) {
      seen.add(await handshake(echo.port, client));
      await open.echo("ping");
    }
    assert.equal(seen.size, 4);
    open.socket.destroy();
  } finally {
    await bench.end();
    await echo.close();
  }
});
