/** The lab's own tests: what it promises to those who build on it, with real processes. */
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { holdsFor, waitFor } from "../e2e/harness/wait.ts";
import type { Host } from "./host.ts";
import { fillDisk, type Lab } from "./lab.ts";
import { labTest } from "./lab-test.ts";
import { isMadeByRoot } from "./namespaces.ts";

const file = import.meta.filename;
const port = 7000;
const hosts = ["a", "b", "c"];

/** Answers each line with `echo <line>`, so that a test sees both directions. */
const echoServer = `
require("node:net").createServer((socket) => {
  socket.on("error", () => undefined);
  socket.on("data", (data) => socket.write("echo " + data));
}).listen(${port}, "0.0.0.0", () => console.log("listening"));
`;
/** Says each 50 ms that it lives, with the time of the machine's clock. */
const ticker = `setInterval(() => console.log("tick " + process.hrtime.bigint()), 50)`;
/** One question over a new connection; exit code 0 when it was answered. */
const asker = `
const [, address] = process.argv;
const socket = require("node:net").connect({ host: address, port: ${port} }, () => socket.write("hello"));
const end = (code) => process.exit(code);
socket.on("error", () => end(1)).on("data", () => end(0));
setTimeout(end, 700, 1);
`;

async function startEcho(lab: Lab): Promise<void> {
  for (const host of lab.hosts) {
    await host.start("echo", [process.execPath, "-e", echoServer]).says("listening");
  }
}

async function reaches(from: Host, to: Host): Promise<boolean> {
  const asked = from.start("ask", [process.execPath, "-e", asker, to.address]);
  return (await asked.ended).exitCode === 0;
}

/** `lost`: pairs as "from-to" that must not reach each other; all others must. */
async function assertReach(lab: Lab, lost: readonly string[]): Promise<void> {
  const pairs = lab.hosts.flatMap((from) =>
    lab.hosts.filter((to) => to !== from).map((to) => ({ from, to })),
  );
  await Promise.all(
    pairs.map(async ({ from, to }) => {
      const name = `${from.name}-${to.name}`;
      if (lost.includes(name)) assert(!(await reaches(from, to)), `${name} is cut`);
      else await waitFor(`${name} to be whole`, 10_000, () => reaches(from, to));
    }),
  );
}

labTest("cut() loses both directions, one pair or all, and mends", { file, hosts }, async (lab) => {
  await startEcho(lab);
  await assertReach(lab, []);
  const pair = await lab.cut("a", "b");
  await assertReach(lab, ["a-b", "b-a"]);
  await pair.mend();
  await lab.cut("c", "all");
  await assertReach(lab, ["a-c", "b-c", "c-a", "c-b"]);
  await lab.host("c").listens(port); // the test itself is not cut off by "all"
  await lab.cut("c", "test");
  await assert.rejects(lab.host("c").listens(port, 600));
  await lab.mendAll();
  await assertReach(lab, []);
  await lab.host("c").listens(port);
});

for (const direction of ["out", "in"] as const) {
  const says = direction === "out" ? "what a host sends" : "what a host would receive";
  labTest(`cut() ${direction} loses only ${says}`, { file, hosts }, async (lab) => {
    const hears = `require("node:dgram").createSocket("udp4").on("message", (m) => console.log("got " + m)).bind(${port})`;
    const sends = `const s = require("node:dgram").createSocket("udp4");
      setInterval(() => { for (const to of process.argv.slice(2)) s.send(process.argv[1], ${port}, to); }, 20);`;
    const heard = new Map(
      lab.hosts.map((host) => [host.name, host.start("hear", [process.execPath, "-e", hears])]),
    );
    for (const host of lab.hosts) {
      const others = lab.hosts.filter((other) => other !== host).map(({ address }) => address);
      host.start("send", [process.execPath, "-e", sends, host.name, ...others]);
    }
    const count = (at: string, from: string): number =>
      (heard.get(at)?.log() ?? "").split(`got ${from}`).length - 1;
    const grows = async (at: string, from: string): Promise<void> => {
      const before = count(at, from);
      await waitFor(`${at} hears ${from}`, 5_000, () => count(at, from) > before + 2);
    };
    await grows("a", "b");
    await grows("b", "a");
    const fault = await lab.cut("a", "b", { direction });
    const [deaf, mute] = direction === "out" ? (["b", "a"] as const) : (["a", "b"] as const);
    await grows(mute, deaf);
    let arrived = { count: -1, atMs: 0 };
    await waitFor("what was on its way to have arrived", 5_000, () => {
      const now = count(deaf, mute);
      if (now !== arrived.count) arrived = { count: now, atMs: performance.now() };
      return performance.now() - arrived.atMs > 300;
    });
    const before = count(deaf, mute);
    await holdsFor("nothing arrives", 300, () => count(deaf, mute) === before);
    await grows(mute, deaf);
    await grows("c", mute);
    await grows("c", deaf);
    await fault.mend();
    await grows(deaf, mute);
  });
}

labTest("lose() loses some frames and lets others pass", { file, hosts }, async (lab) => {
  await startEcho(lab);
  await lab.lose("a", "b", { lossPercent: 30, direction: "out" });
  const sends = `const s = require("node:dgram").createSocket("udp4"); let sent = 0;
    const go = () => sent++ < 400 ? s.send("x", 9, process.argv[1], () => setImmediate(go)) : process.exit();
    go();`;
  // The counter of the receiver's device is what arrived; ARP is lost by chance too, so ask first.
  await waitFor("the first answer", 10_000, () => reaches(lab.host("a"), lab.host("b")));
  const received = async (): Promise<number> => {
    const text = await lab.host("b").run(["ip", "-s", "-o", "link", "show", "eth0"]);
    const [, packets] = /RX:[^\\]*\\\s+\d+\s+(\d+)/.exec(text) ?? [];
    assert(packets !== undefined, text);
    return Number(packets);
  };
  const before = await received();
  await lab.host("a").run([process.execPath, "-e", sends, lab.host("b").address]);
  const count = (await received()) - before;
  lab.say(`${count} of 400 frames arrived`);
  assert(count > 200 && count < 360, `${count} of 400 frames arrived`);
});

labTest(
  "kill() ends every process of a host in one moment, powerOn() boots anew",
  {
    file,
    hosts,
  },
  async (lab) => {
    const [a, b] = [lab.host("a"), lab.host("b")];
    const bootId = await a.run(["cat", "/proc/sys/kernel/random/boot_id"]);
    assert.equal((await a.run(["hostname"])).trim(), "a");
    // One in a session and a process namespace of its own, as workloads are; one ordinary.
    const nested = ["unshare", "--pid", "--fork", "setsid", process.execPath, "-e", ticker];
    const processes = [
      a.start("ticker", [process.execPath, "-e", ticker]),
      a.start("nested", nested),
    ];
    const other = b.start("ticker", [process.execPath, "-e", ticker]);
    for (const each of [...processes, other]) await each.says("tick");
    assert(a.processes().length >= 4);
    await a.kill();
    const logs = processes.map((each) => each.log());
    const otherLog = other.log();
    await waitFor("the other host goes on", 5_000, () => other.log().length > otherLog.length + 50);
    assert.deepEqual(
      processes.map((each) => each.log()),
      logs,
      "nothing of the killed host runs on",
    );
    await Promise.all(processes.map(({ ended }) => ended));
    writeFileSync(join(a.folder, "kept"), "kept");
    await a.powerOn();
    assert.equal(await a.run(["cat", join(a.folder, "kept")]), "kept");
    const after = await a.run(["cat", "/proc/sys/kernel/random/boot_id"]);
    if (isMadeByRoot()) assert.notEqual(after, bootId, "a new boot has a new id");
    await startEcho(lab);
    await assertReach(lab, []);
  },
);

labTest("freeze() stops all processes, thaw() lets them go on", { file, hosts }, async (lab) => {
  const a = lab.host("a");
  const tick = a.start("ticker", [process.execPath, "-e", ticker]);
  const forker = a.start("forker", ["sh", "-c", "while :; do echo fork; sleep 0.01; done"]);
  await tick.says("tick");
  await forker.says("fork");
  await a.freeze();
  const [before, forked] = [tick.log(), forker.log()];
  await holdsFor("nothing moves", 400, () => tick.log() === before && forker.log() === forked);
  a.thaw();
  await waitFor("both go on", 5_000, () => {
    return tick.log().length > before.length && forker.log().length > forked.length;
  });
  await tick.signal("SIGTERM");
  assert.deepEqual(await tick.ended, { exitCode: null, signal: "SIGTERM" });
});

const small = [{ name: "a", diskBytes: 4 * 1_048_576 }, "b"];
labTest("a small disk is full for its own host only", { file, hosts: small }, async (lab) => {
  const a = lab.host("a");
  const filler = join(a.disk, "filler");
  writeFileSync(join(a.folder, "source"), "data\n");
  const write = ["cp", join(a.folder, "source"), `${a.disk}/new`];
  fillDisk(filler);
  await assert.rejects(a.run(write), /No space left/);
  await lab.host("b").run(["cp", join(a.folder, "source"), `${lab.host("b").disk}/new`]);
  rmSync(filler);
  await a.run(write);
  await a.kill();
  await a.powerOn();
  assert.equal(await a.run(["cat", `${a.disk}/new`]), "data\n", "it keeps its files");
});

labTest(
  "slowDisk() delays the flushes of one process until normalDisk()",
  {
    file,
    hosts: ["a"],
    programs: ["strace"],
  },
  async (lab) => {
    const flusher = `
const { fdatasyncSync, openSync, writeSync } = require("node:fs");
const target = openSync(process.argv[1], "w");
const flush = () => {
  writeSync(target, "x");
  const start = performance.now();
  fdatasyncSync(target);
  console.log("took " + Math.round(performance.now() - start));
  setTimeout(flush, 20);
};
flush();`;
    const a = lab.host("a");
    const started = a.start("flusher", [
      process.execPath,
      "-e",
      flusher,
      join(a.folder, "flushed"),
    ]);
    const last = (): number => Number(started.log().trimEnd().split(" ").at(-1));
    await started.says("took");
    await a.slowDisk(started, 300);
    await waitFor("slow flushes", 10_000, () => last() >= 300);
    await a.normalDisk();
    await waitFor("flushes as before", 10_000, () => last() < 200);
  },
);
