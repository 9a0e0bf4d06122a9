/** The witness must see two copies at once, on whichever hosts, and nothing where there was nothing. */
import assert from "node:assert/strict";
import { waitFor } from "../e2e/harness/wait.ts";
import { labTest } from "./lab-test.ts";
import { OverlapWitness } from "./overlap-witness.ts";

const options = { file: import.meta.filename, hosts: ["a", "b"] };

labTest(
  "assertNeverTwice() accepts a copy after the power of the first was cut",
  options,
  async (lab) => {
    const witness = new OverlapWitness(lab);
    witness.startCopy(lab.host("a"), "process:x");
    await witness.copies("process:x", 1);
    await lab.host("a").kill();
    witness.startCopy(lab.host("b"), "process:x");
    await witness.copies("process:x", 2);
    witness.assertNeverTwice();
  },
);

labTest("assertNeverTwice() finds two copies on two hosts", options, async (lab) => {
  const witness = new OverlapWitness(lab);
  for (const host of lab.hosts) witness.startCopy(host, "process:x");
  const second = await witness.copies("process:x", 2);
  const [first] = witness.lives("process:x");
  await waitFor("the first to live on", 5_000, () => {
    return (witness.lives("process:x")[0]?.lastNs ?? 0n) > second.beganNs;
  });
  assert(first !== undefined && first.node !== second.node);
  assert.throws(() => witness.assertNeverTwice(), /process:x ran on [ab] and [ab] at once/);
});

labTest("assertNeverTwice() finds a frozen copy that wakes up", options, async (lab) => {
  const witness = new OverlapWitness(lab);
  const frozen = lab.host("a");
  witness.startCopy(frozen, "process:x");
  await witness.copies("process:x", 1);
  await frozen.freeze();
  witness.startCopy(lab.host("b"), "process:x");
  const second = await witness.copies("process:x", 2);
  witness.assertNeverTwice();
  frozen.thaw();
  await waitFor("the first to go on", 5_000, () => {
    return (witness.lives("process:x")[0]?.lastNs ?? 0n) > second.beganNs;
  });
  assert.throws(() => witness.assertNeverTwice(), /process:x ran on a and b at once/);
});
