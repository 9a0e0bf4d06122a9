import assert from "node:assert/strict";
import test from "node:test";
import { readUses } from "../../src/adapters/workloads/process/use.ts";
import type { WorkloadInstance, WorkloadUse } from "../../src/ports/workload.ts";
import { containments } from "./containments.ts";
import { createBench, script, shell, waitFor } from "./support.ts";

const megabyte = 1_048_576;

async function useOf(instance: WorkloadInstance): Promise<WorkloadUse> {
  const use = (await readUses([instance])).get(instance.instanceId);
  assert.ok(use !== undefined, "it runs");
  return use;
}

for (const { kind: containment, skip } of containments) {
  test(`readUses() counts the time of a busy child and none of a sleeper (${containment})`, {
    skip,
  }, async (t) => {
    const busy = createBench(t, containment);
    const idle = createBench(t, containment);
    const working = await busy.run(shell("(while :; do :; done) & wait"));
    const sleeping = await idle.run(shell("exec sleep 600"));
    await waitFor("it has run for 300 ms", async () => (await useOf(working)).cpuMs >= 300);
    const uses = await readUses([working, sleeping]);
    assert.ok((uses.get(sleeping.instanceId)?.cpuMs ?? Number.NaN) < 200);
  });

  test(`readUses() counts memory of the whole family (${containment})`, { skip }, async (t) => {
    const bench = createBench(t, containment);
    const text = `
      const { spawn } = require("node:child_process");
      const child = "globalThis.held = Buffer.alloc(${64 * megabyte}, 1); setInterval(() => 0, 1e6)";
      if (process.argv[1] !== "small") spawn(process.execPath, ["-e", child]);
      setInterval(() => 0, 1e6);`;
    const instance = await bench.run(script(text));
    await waitFor("the child's memory", async () => {
      return (await useOf(instance)).memoryBytes > 64 * megabyte;
    });
    assert.ok((await useOf(instance)).memoryBytes < 512 * megabyte);
  });

  test(`readUses() keeps the time of children that have ended (${containment})`, {
    skip,
  }, async (t) => {
    const bench = createBench(t, containment);
    const burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
    const instance = await bench.run(shell(`sh -c '${burn}'; exec sleep 600`));
    await waitFor("the child has ended", async () => {
      const before = (await useOf(instance)).cpuMs;
      return before >= 50 && (await useOf(instance)).cpuMs === before;
    });
  });

  test(`readUses() knows nothing of what is gone (${containment})`, { skip }, async (t) => {
    const bench = createBench(t, containment);
    const instance = await bench.run(shell("exec sleep 600"));
    assert.equal((await readUses([instance])).size, 1);
    await bench.driver.kill(instance);
    assert.equal((await readUses([instance])).size, 0);
    const { root } = instance;
    const other = { ...instance, root: { pid: process.pid, startTicks: root.startTicks } };
    assert.equal((await readUses([other])).size, 0, "the number alone names nobody");
  });
}
