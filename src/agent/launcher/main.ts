/**
 * The launcher's process: `launcher DATA-DIRECTORY MAIN WORD...` runs `MAIN WORD...`, or the main file of the version that
 * has taken its place. It ends with the agent's exit code.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { askToLeave } from "../departure/control.ts";
import { createLauncher } from "./launcher.ts";

const [dataDirectory = "", main = "", ...words] = process.argv.slice(2);

function write(line: string): void {
  process.stdout.write(`${new Date().toISOString()} launcher: ${line}\n`);
}

/** In `package.json`, one folder above the main file's. */
function installedVersion(): string {
  const path = join(dirname(main), "../package.json");
  const value: unknown = JSON.parse(readFileSync(path, "utf8"));
  const isPackage = typeof value === "object" && value !== null && "version" in value;
  return isPackage ? String(value.version) : "";
}

// Output that nobody reads any more must not end what looks after the agent.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
process.umask(0o077);
const launcher = createLauncher({
  dataDirectory,
  node: [process.execPath, ...process.execArgv],
  installed: { main, version: installedVersion() },
  words,
  write,
  askToLeave: (signal) => askToLeave(dataDirectory, { kind: "agent-restart", signal }),
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => launcher.stop(signal));
}
process.exit(await launcher.run());
