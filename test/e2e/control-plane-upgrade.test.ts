/**
 * A rolling upgrade of a whole control plane, each of its machines a host of the lab, under reads and writes: clients that
 * ask again get every answer, no service is restarted, and none ever runs twice (S1).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { findProcesses } from "../../src/demo/processes.ts";
import { readRunRecords } from "../../src/demo/run-records.ts";
import { openWorkshop } from "../agent-upgrade/support/packages.ts";
import { ControlPlane } from "../lab/control-plane/control-plane.ts";
import { labTest } from "../lab/lab-test.ts";
import { startWriters } from "../server-upgrade/support/writers.ts";
import { value } from "./harness/cluster.ts";
import { type CommandOutcome, run } from "./harness/program.ts";

const hosts = { servers: ["s1", "s2", "s3"], nodes: ["n1", "n2", "n3", "n4", "n5"] };
const options = {
  file: import.meta.filename,
  hosts: [...hosts.servers, ...hosts.nodes],
  programs: ["etcd", "etcdctl"],
  forMsMax: 280_000,
};
const upgradeMsMax = 180_000;
const services = ["a", "b", "c", "d", "e", "f"].map((name) => `process:${name}`);

labTest(
  "control plane: three servers and five nodes become another version, and neither clients nor services notice",
  options,
  async (lab) => {
    const workshop = await openWorkshop(undefined, lab.directory);
    const [installed, next] = [workshop.make("0.1.0"), workshop.make("0.2.0")];
    const plane = await ControlPlane.start(lab, {
      ...{ ...hosts, profile: "balanced", installed: installed.main },
    });
    const holdfast = (...words: readonly string[]): Promise<CommandOutcome> =>
      run([process.execPath, installed.main, ...words], {
        environment: plane.commandEnvironment(),
        forMsMax: upgradeMsMax,
      });
    value(await plane.client().putHaGroup("group", { members: hosts.nodes.slice(0, 3) }));
    await plane.addProbes(services);
    const before = services.flatMap(processesOf);
    assert.equal(before.length, services.length, before.join("\n"));

    const stopCalls = startWriters(plane.target(), { pauseMs: 500, readEveryMs: 100 });
    const beganAtMs = performance.now();
    const applied = await holdfast("upgrade", "apply", "--to", next.path);
    const tookMs = performance.now() - beganAtMs;
    const calls = await stopCalls();

    lab.say(`${applied.stdout}${applied.stderr}`);
    assert.equal(applied.exitCode, 0, "the upgrade is done");
    const retried = [...calls.retried].map(([reason, count]) => `${count} x ${reason}`).join(", ");
    lab.say(
      `${tookMs.toFixed()} ms; ${calls.acknowledged.length} writes and ${calls.readCount} reads, the longest with its retries ${calls.longestMs.toFixed()} ms; retried: ${retried || "none"}`,
    );
    lab.say(`services: ${longestSilenceMs(plane).toFixed()} ms without a sign of life at most`);
    assert.deepEqual(calls.hopeless, []);
    assert(calls.acknowledged.length > 50, "the stream of writes went on");
    assert(calls.readCount > 200, "the stream of reads went on");

    await plane.allServe();
    const servers = await plane.list();
    assert.deepEqual(
      servers.map(({ id, version, health }) => `${id} ${version} ${health}`).sort(),
      ["1 0.2.0 ok", "2 0.2.0 ok", "3 0.2.0 ok"],
    );
    await plane.areOnline(...plane.nodes);
    const { nodes } = value(await plane.client().cluster());
    assert.deepEqual(
      nodes.map(({ id, agentVersion, state }) => `${id} ${agentVersion} ${state}`).sort(),
      hosts.nodes.map((name) => `${name} 0.2.0 online`),
    );
    const { items } = value(await plane.client().services());
    const there = new Set(items.map(({ id }) => String(id)));
    const lost = calls.acknowledged.filter((id) => !there.has(id));
    assert.deepEqual(lost, [], "what a server acknowledged is there");

    for (const id of services) await plane.runs(id);
    assert.deepEqual(services.flatMap(processesOf), before, "no process of a service is another");
    for (const id of services) assert.equal(plane.witness.lives(id).length, 1, `${id} began once`);
    plane.witness.assertNeverTwice();
  },
);

/** Each live process of a service: its number, and when it began in ticks since the boot. */
function processesOf(service: string): readonly string[] {
  const found = findProcesses({ variables: [`HOLDFAST_SERVICE=${service}`] });
  return found
    .filter(({ commandLine }) => commandLine.startsWith(`${process.execPath} `)) // not its shim
    .map(({ pid }) => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The name in parentheses may hold blanks; the 22nd field is the 20th after it.
      const beganTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
      return `${service}: process ${pid}, began at ${beganTicks}`;
    });
}

/** Between two signs of life of one service's process. */
function longestSilenceMs(plane: ControlPlane): number {
  const last = new Map<string, bigint>();
  let longestNs = 0n;
  for (const { copy, atNs } of readRunRecords(plane.witness.recordPath)) {
    const silenceNs = atNs - (last.get(copy) ?? atNs);
    if (silenceNs > longestNs) longestNs = silenceNs;
    last.set(copy, atNs);
  }
  return Number(longestNs) / 1e6;
}
