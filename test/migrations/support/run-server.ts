/**
 * `holdfast server run` of another version, with a schema that this program does not know: which one it is, the file
 * `<data directory>.program` says.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import { createPinoLog } from "../../../src/adapters/log/pino-log.ts";
import { programMigrations } from "../../../src/core/migrations/program.ts";
import { runInitialisedServer } from "../../../src/setup/run-server.ts";
import { readIdentity, serverPlaces } from "../../../src/setup/server-files.ts";
import { must } from "../../setup/support/must.ts";
import { noteMigrations } from "./note-migration.ts";

/** What the file says. */
export interface TestProgram {
  readonly version: string;
  readonly schema: "own" | "next";
}

if (import.meta.main) await main();

async function main(): Promise<void> {
  const { data = "" } = parseArgs({ options: { data: { type: "string" } } }).values;
  const program = programOf(data);
  const identity = must(await readIdentity(serverPlaces(data)));
  if (identity === undefined) throw new Error(`${data} is not initialised`);
  const end = new AbortController();
  process.on("SIGTERM", () => end.abort());
  const log = createPinoLog({ component: "server", level: "debug", format: "text" });
  const ended = await runInitialisedServer({
    dataDirectory: data,
    identity,
    listen: { host: "127.0.0.1", port: identity.port },
    initialSettings: { profile: "fast" },
    version: program.version,
    migrations: program.schema === "next" ? noteMigrations : programMigrations,
    clock,
    log,
    signal: end.signal,
  });
  if (!ended.ok) log.write("error", `ended: ${ended.error}`);
  log.flush();
  process.exitCode = ended.ok ? 0 : 1;
}

function programOf(dataDirectory: string): TestProgram {
  try {
    return JSON.parse(readFileSync(`${dataDirectory}.program`, "utf8")) as TestProgram; // the test has written it
  } catch {
    return { version: "0.1.0", schema: "own" }; // the test has said nothing of it
  }
}
