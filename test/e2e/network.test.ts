/**
 * Cut networks, on three hosts in network namespaces. The scenarios run in a process of their own (network-cut.ts)
 * inside a namespace that is the server's host, so that nothing of this machine's network is touched.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { missingNamespaces, unshareFlags } from "./harness/namespace.ts";
import { run } from "./harness/program.ts";

const missing = missingNamespaces(["net"], ["ip"]);

const scenarios = [
  ["both", "no packet passes in either direction"],
  ["to-server", "what the node sends is lost"],
  ["from-server", "what the server sends is lost"],
] as const;

for (const [direction, words] of scenarios) {
  test(`a node cut off where ${words}: recovered elsewhere, stopped there first, joins again`, {
    timeout: 120_000,
  }, async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const script = join(import.meta.dirname, "network-cut.ts");
    const command = ["unshare", ...unshareFlags(["net"]), process.execPath, script, direction];
    const outcome = await run(command, { forMsMax: 100_000 });
    assert.equal(outcome.exitCode, 0, `${outcome.stdout}\n${outcome.stderr}`);
  });
}
