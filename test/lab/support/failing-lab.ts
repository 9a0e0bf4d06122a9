/** A lab test that fails, for the lab's own tests: started by them only. */
import { labTest } from "../lab-test.ts";

labTest("fails", { file: import.meta.filename, hosts: ["a"] }, async (lab) => {
  const words = ["sh", "-c", "echo the last words of a process"];
  await lab.host("a").start("speaker", words).ended;
  throw new Error("this test fails on purpose");
});
