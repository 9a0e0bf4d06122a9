/** A lab test that is killed while it waits, for the lab's own tests: started by them only. */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { labTest } from "../lab-test.ts";

labTest("waits", { file: import.meta.filename, hosts: ["a"] }, async (lab) => {
  const marker = randomUUID();
  const words = ["setsid", "sh", "-c", "echo begun; sleep 600; exit", marker];
  const sleeper = lab.host("a").start("sleeper", words);
  await sleeper.says("begun");
  writeFileSync(join(lab.directory, "marker"), marker);
  await sleeper.ended;
});
