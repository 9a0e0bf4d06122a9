/** The lock of a data directory: one holder at a time, also when many processes want it at the same moment. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { openDataDirectory } from "../../src/agent/disk/data-directory.ts";
import { temporaryDirectory } from "./support/tools.ts";

const moduleUrl = pathToFileURL(
  join(import.meta.dirname, "../../src/agent/disk/data-directory.ts"),
).href;
/** Waits for a line, opens the directory, says how that went, and keeps it until its input ends. */
const script = `
import { openDataDirectory } from ${JSON.stringify(moduleUrl)};
process.stdin.once("data", async () => {
  const opened = await openDataDirectory(process.argv[1]);
  console.log(opened.ok ? "held" : opened.error);
});
process.stdin.on("end", () => process.exit(0));
console.log("ready");
`;

interface Contender {
  readonly child: ChildProcess;
  next(): Promise<string>;
}

function contender(directory: string): Contender {
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, directory], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { stdout } = child;
  return { child, next: async () => String((await once(stdout, "data"))[0]).trim() };
}

test("one of many agents that start at once gets the directory, whatever a dead one left", async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory.path, "agent.pid"), "99999999");
  const contenders = Array.from({ length: 6 }, () => contender(directory.path));
  await Promise.all(contenders.map((each) => each.next()));
  const said = contenders.map((each) => each.next());
  for (const { child } of contenders) child.stdin?.write("go\n");
  const words = await Promise.all(said);
  assert.equal(words.filter((word) => word === "held").length, 1, words.join("\n"));
  for (const word of words) assert.match(word, /^held$|^another agent.* uses data directory/);
  for (const { child } of contenders) child.kill("SIGKILL");
  await Promise.all(contenders.map(({ child }) => once(child, "exit")));
  const next = await openDataDirectory(directory.path);
  assert.ok(next.ok, "the kernel has released it");
  assert.equal((await openDataDirectory(directory.path)).ok, false);
  await next.value.unlock();
  const last = await openDataDirectory(directory.path);
  assert.ok(last.ok);
  await last.value.unlock();
  directory.remove();
});
