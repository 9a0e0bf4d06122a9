/** Completion: what can follow the words, names from the server, and the bash script in a real bash. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Bench, createBench } from "./harness.ts";

async function complete(bench: Bench, words: readonly string[]): Promise<string[]> {
  const { out } = await bench.run(["complete", "--", ...words]);
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t")[0] ?? "");
}

const cases: readonly { readonly words: readonly string[]; readonly gives: readonly string[] }[] = [
  { words: ["stat"], gives: ["status"] },
  { words: ["service", "sta"], gives: ["start"] },
  { words: ["-o", "json", "node", "s"], gives: ["show", "set"] },
  { words: ["service", "show", ""], gives: ["process:api", "process:web"] },
  { words: ["service", "show", "process:w"], gives: ["process:web"] },
  { words: ["service", "migrate", "process:api", ""], gives: ["node1", "node2"] },
  { words: ["service", "set", "process:api", "--node", "node2"], gives: ["node2"] },
  { words: ["service", "set", "process:api", "--node=n"], gives: ["--node=node1", "--node=node2"] },
  { words: ["service", "add", "--on-isolation", ""], gives: ["stop", "keep"] },
  { words: ["service", "add", "pro"], gives: [] },
  { words: ["service", "list", "--output=j"], gives: ["--output=json"] },
  { words: ["service", "list", "--tok"], gives: ["--token-file"] },
  {
    words: ["service", "set", "process:api", "--health-t"],
    gives: ["--health-timeout", "--health-threshold", "--health-tcp"],
  },
  { words: ["why", "process:a"], gives: ["process:api"] },
  { words: ["node", "confirm-off", "node1"], gives: ["node1"] },
  { words: ["completion", "z"], gives: ["zsh"] },
  { words: ["service", "add", "process:x", "--", "--he"], gives: [] },
  { words: ["comple"], gives: ["completion"] },
];

for (const { words, gives } of cases) {
  test(`complete -- ${words.join(" ")} gives ${gives.join(", ") || "nothing"}`, async (context) => {
    const bench = await benchWithNames(context);
    assert.deepEqual(await complete(bench, words), [...gives]);
  });
}

async function benchWithNames(context: Parameters<typeof createBench>[0]): Promise<Bench> {
  const bench = await createBench(context);
  for (const name of ["api", "web"]) {
    bench.server.putService({ id: `process:${name}`, process: { command: "x" } });
  }
  for (const name of ["node1", "node2"]) bench.server.putNode(name);
  return bench;
}

test("complete still knows commands and flags when no server answers", async (context) => {
  const bench = await createBench(context);
  await bench.server.close();
  const environment = { HOLDFAST_SERVER: "http://127.0.0.1:9" };
  const names = await bench.run(["complete", "--", "service", "show", ""], { environment });
  assert.deepEqual([names.out, names.err, names.code], ["", "", 0]);
  const verbs = await bench.run(["complete", "--", "service", "li"], { environment });
  assert.match(verbs.out, /^list\t/);
});

for (const shell of ["bash", "zsh", "fish"] as const) {
  test(`completion ${shell} prints a script that asks holdfast complete`, async (context) => {
    const bench = await createBench(context);
    const { out, code } = await bench.run(["completion", shell]);
    assert.match(out, /holdfast complete -- /);
    assert.ok(!out.includes("eval"), "what was typed is never evaluated");
    assert.equal(code, 0);
  });
}

const bashCases = [
  {
    line: "holdfast service show process:a",
    gives: ["api"],
    why: "bash takes process: as a word of its own",
  },
  { line: "holdfast service ", gives: ["list", "logs"], why: "a new word begins" },
  { line: "holdfast service show $(touch INJECTED) process:a", gives: [], why: "nothing is run" },
];

test("the bash script completes in a real bash and runs nothing that was typed", async (context) => {
  if (spawnSync("bash", ["-c", "true"]).status !== 0) return context.skip("there is no bash here");
  const bench = await createBench(context);
  const { out: script } = await bench.run(["completion", "bash"]);
  const file = await bench.file("completion.bash", script);
  const program = join(bench.folder, "holdfast");
  // It answers like the real program, which the tests above look at, and starts faster.
  await writeFile(
    program,
    '#!/bin/sh\ncase "$*" in *process:a) [ $# -eq 5 ] && printf "process:api\\tstarted\\n";; *) printf "list\\tall\\nlogs\\tits output\\n";; esac\n',
  );
  await chmod(program, 0o755);
  const driver = join(import.meta.dirname, "complete-once.bash");
  for (const { line, gives, why } of bashCases) {
    const text = line.replace("INJECTED", join(bench.folder, "injected"));
    const ran = spawnSync("bash", ["--norc", driver, file, text], {
      env: { PATH: `${bench.folder}:${process.env["PATH"] ?? ""}` },
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    const replies = ran.stdout.split("\n").filter((reply) => reply !== "");
    assert.deepEqual(replies, gives, why);
    assert.equal(ran.stderr, "");
  }
  assert.notEqual(spawnSync("test", ["-e", join(bench.folder, "injected")]).status, 0);
});
