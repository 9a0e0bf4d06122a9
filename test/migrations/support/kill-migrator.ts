/** Kills a process that migrates a store, at a random step, until one comes to the end; then looks at what is there. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { contentOf, exampleEntries, expectedOf, fill } from "./example.ts";
import { openPlace, type StorePlace } from "./open-place.ts";

const killsMin = 5;
const runsMax = 60;
const runMsMax = 60_000;
const migratorPath = join(import.meta.dirname, "migrator.ts");

/** Prints its seed; `HOLDFAST_SEED` takes it back. */
export async function killAgainAndAgain(t: TestContext, place: StorePlace): Promise<void> {
  const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 1_000_000_007);
  t.diagnostic(`HOLDFAST_SEED=${seed}`);
  const random = generator(seed);
  const entries = exampleEntries(3_000);
  await withStore(place, (store) => fill(store, entries));
  let killCount = 0;
  for (let run = 0; ; run += 1) {
    assert.ok(run < runsMax, `it comes to its end within ${runsMax} runs`);
    // The first runs are killed early enough that some of the work is left for the next one.
    const afterLines = 1 + Math.floor(random() * (run < killsMin ? 5 : 40));
    const last = await runUntil(place, afterLines);
    if (last === "over") break;
    assert.ok(!last.startsWith("failed"), last);
    killCount += 1;
  }
  t.diagnostic(`killed ${killCount} times`);
  assert.ok(killCount >= killsMin, `it was killed ${killCount} times`);
  await withStore(place, async (store) => {
    const wanted = [...expectedOf(entries)].sort(([left], [right]) => (left < right ? -1 : 1));
    assert.deepEqual([...(await contentOf(store))], wanted);
  });
}

/** The last line that it has printed; it is killed after so many. */
async function runUntil(place: StorePlace, afterLines: number): Promise<string> {
  // It ends itself where this kill, which comes at any moment of its work, is late.
  const child = spawn(
    process.execPath,
    [...process.execArgv, migratorPath, String(afterLines + 1)],
    {
      stdio: ["pipe", "pipe", "inherit"],
      timeout: runMsMax,
      killSignal: "SIGKILL",
    },
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    output += piece;
    const lines = output.split("\n").length - 1;
    if (lines >= afterLines && !output.endsWith("over\n")) child.kill("SIGKILL");
  });
  child.stdin.end(JSON.stringify(place));
  await once(child, "close");
  return output.trimEnd().split("\n").at(-1) ?? "";
}

async function withStore(
  place: StorePlace,
  use: (store: Awaited<ReturnType<typeof openPlace>>) => Promise<void>,
): Promise<void> {
  const store = await openPlace(place);
  try {
    await use(store);
  } finally {
    await store.close();
  }
}

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
