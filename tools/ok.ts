/** `npm run ok`: runs every check and says how each went; exit status 1 when one found something. */
import { join } from "node:path";
import { styleText } from "node:util";
import { runChecks } from "./checks.ts";

const root = join(import.meta.dirname, "..");

await runChecks(root, ({ name, durationMs, problems }) => {
  const isOk = problems.length === 0;
  const mark = isOk ? styleText("green", "✔") : styleText("red", "✖");
  process.stdout.write(`${mark} ${name} (${(durationMs / 1_000).toFixed(1)} s)\n`);
  for (const problem of problems) process.stdout.write(`${problem.replaceAll(/^/gm, "    ")}\n`);
  if (!isOk) process.exitCode = 1;
});
