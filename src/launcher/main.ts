/**
 * The launcher's process: `launcher ROLE DATA-DIRECTORY MAIN WORD...` runs `MAIN WORD...`, or the main file of the version
 * that has taken its place. ROLE is `agent` or `server`. It ends with the exit code of what it runs.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { askToLeave } from "../agent/departure/control.ts";
import { err } from "../core/result.ts";
import { createLauncher } from "./launcher.ts";
import { findAgent, findServer } from "./orphans.ts";
import type { TakeOverOptions } from "./take-over.ts";

const [role = "", dataDirectory = "", main = "", ...words] = process.argv.slice(2);

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

const common = { dataDirectory, write };
const agent: TakeOverOptions = {
  ...common,
  what: "agent",
  endMsMax: 8_000,
  findOrphan: () => findAgent(dataDirectory),
  askToLeave: (signal) => askToLeave(dataDirectory, { kind: "agent-restart", signal }),
};
/** A server's member of the store may take ten seconds to end; a signal says all that there is to say to a server. */
const server: TakeOverOptions = {
  ...common,
  what: "server",
  endMsMax: 20_000,
  findOrphan: () => findServer(dataDirectory),
  askToLeave: () => Promise.resolve(err("a server ends in order by a signal")),
};

// Output that nobody reads any more must not end what looks after the agent or the server.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
process.umask(0o077);
const launcher = createLauncher({
  ...(role === "server" ? server : agent),
  node: [process.execPath, ...process.execArgv],
  installed: { main, version: installedVersion() },
  words,
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => launcher.stop(signal));
}
process.exit(await launcher.run());
