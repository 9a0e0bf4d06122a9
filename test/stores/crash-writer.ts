/**
 * A process that writes to a store as fast as it can until it is killed. After a line on its standard input
 * it prints `open`, then `<number> <revision>` for each acknowledged write.
 */
import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { createInterface } from "node:readline";
import type { Store, Txn } from "../../src/ports/store.ts";
import { changesOfWrite } from "./crash-record.ts";
import { openStore } from "./sqlite-support.ts";

const [file = "", firstText = "0"] = process.argv.slice(2);
const inFlightMax = 8;

function txnOf(number: number): Txn {
  return { compare: [], then: changesOfWrite(number) };
}

async function write(store: Store, number: number): Promise<void> {
  const result = await store.txn(txnOf(number));
  if (!result.ok) throw new Error(result.error.message);
  writeSync(1, `${number} ${result.value.revision}\n`);
}

async function main(): Promise<void> {
  // Killed processes leave no cache behind by themselves; with one, the next writers start sooner.
  flushCompileCache();
  for await (const _ of createInterface({ input: process.stdin })) break;
  const store = await openStore({ file });
  writeSync(1, "open\n");
  for (let number = Number(firstText); ; number += inFlightMax) {
    const group = Array.from({ length: inFlightMax }, (_, index) => write(store, number + index));
    await Promise.all(group);
  }
}

await main();
