/** How fast the simulator is: a quiet cluster, random faults with all checks, and many scenario files in one process. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { NodeId } from "../../src/core/ids.ts";
import type { Plan } from "../../src/sim/plan.ts";
import { defaultPace, defaultService } from "../../src/sim/scenario/defaults.ts";
import { createWorld } from "../../src/sim/world.ts";
import { settingsSchema } from "../../src/wire/settings.ts";
import { nodeId, serviceId } from "../core/manager-harness.ts";
import { root } from "../support/built-program.ts";

const run = promisify(execFile);
const holdfast = join(root, "bin/holdfast");
const quietMs = 4 * 3_600_000;
const fuzzMinutes = 30;
const runMsMax = 600_000;
const outputBytesMax = 1 << 28;
/** Recorded scenarios, where they are at hand. */
const recorded = join(root, "../shared/conformance/scenarios");

export interface SimulatorSpeed {
  /** Times real time, on one core, of three nodes with 20 services and no faults. */
  readonly quietTimes: number;
  /** The same of random clusters with random faults and all checks, on all cores. */
  readonly fuzzTimes: number;
  readonly fuzzSeeds: number;
  /** From start to end of one process that plays every recorded scenario; undefined: they are not at hand. */
  readonly recordedMs: number | undefined;
}

/** Measures all three. */
export async function measureSimulator(fuzzSeeds: number): Promise<SimulatorSpeed> {
  const quietTimes = measureQuiet();
  const folder = await mkdtemp(join(tmpdir(), "holdfast-bench-"));
  try {
    const startedAtMs = performance.now();
    const words = ["--seeds", `1..${fuzzSeeds}`, "--minutes", String(fuzzMinutes), "--out", folder];
    await run(holdfast, ["sim", "fuzz", ...words], { timeout: runMsMax });
    const fuzzMs = performance.now() - startedAtMs;
    const fuzzTimes = (fuzzSeeds * fuzzMinutes * 60_000) / fuzzMs;
    return { quietTimes, fuzzTimes, fuzzSeeds, recordedMs: await measureRecorded() };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function measureQuiet(): number {
  const world = createWorld(quietPlan());
  const startedAtMs = performance.now();
  world.runUntil(quietMs);
  return quietMs / (performance.now() - startedAtMs);
}

function quietPlan(): Plan {
  const nodes: readonly NodeId[] = ["node1", "node2", "node3"].map(nodeId);
  const services = Array.from({ length: 20 }, (_, index) => serviceId(`process:s${index}`));
  return {
    name: "quiet",
    seed: 1,
    settings: settingsSchema.parse({ profile: "balanced" }),
    pace: defaultPace,
    nodes: nodes.map((node) => ({
      node,
      power: "on",
      network: "on",
      capacity: undefined,
      taints: [],
      server: true,
    })),
    services: services.map((id) => defaultService(id, "process")),
    groups: [],
    rules: [],
    usage: [],
    initial: undefined,
    actions: [],
    endAtMs: quietMs,
  };
}

async function measureRecorded(): Promise<number | undefined> {
  if (!existsSync(recorded)) return undefined;
  const files = readdirSync(recorded).map((name) => join(recorded, name));
  const startedAtMs = performance.now();
  const words = ["sim", "run", "--trace", ...files];
  await run(holdfast, words, { timeout: runMsMax, maxBuffer: outputBytesMax });
  return performance.now() - startedAtMs;
}
