/** A process of its own that migrates a store: told where by its standard input, it prints a line for each step. */
import { text } from "node:stream/consumers";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import { migrateStore } from "../../../src/runtime/migrate/migrate-store.ts";
import { examplePlan, exampleVersion } from "./example.ts";
import { openPlace, type StorePlace } from "./open-place.ts";

const place = JSON.parse(await text(process.stdin)) as StorePlace; // the test has written it
const store = await openPlace(place);
const done = await migrateStore(store, examplePlan, {
  clock,
  version: exampleVersion,
  check: () => undefined,
  onProgress: ({ step, doneCount }) => process.stdout.write(`${step} ${doneCount}\n`),
  signal: new AbortController().signal,
});
await store.close();
process.stdout.write(done.ok ? "over\n" : `failed: ${done.error}\n`);
