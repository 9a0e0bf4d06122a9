/**
 * A process of its own, `migrator.ts LINES`, that migrates a store: told where by its standard input, it prints a line for
 * each step, and dies after so many.
 */
import { text } from "node:stream/consumers";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import { migrateStore } from "../../../src/runtime/migrate/migrate-store.ts";
import { examplePlan, exampleVersion } from "./example.ts";
import { openPlace, type StorePlace } from "./open-place.ts";

const place = JSON.parse(await text(process.stdin)) as StorePlace; // the test has written it
const store = await openPlace(place);
let linesLeft = Number(process.argv[2]);
const done = await migrateStore(store, examplePlan, {
  clock,
  version: exampleVersion,
  check: () => undefined,
  onProgress({ step, doneCount }) {
    process.stdout.write(`${step} ${doneCount}\n`);
    linesLeft -= 1;
    if (linesLeft === 0) process.kill(process.pid, "SIGKILL");
  },
  signal: new AbortController().signal,
});
await store.close();
process.stdout.write(done.ok ? "over\n" : `failed: ${done.error}\n`);
