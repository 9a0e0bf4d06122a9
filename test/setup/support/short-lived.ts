/**
 * A process of its own, `short-lived.ts LIFE_MS ... --data DATA`: runs an initialised server whose certificates, and
 * those that it issues, live for so long only.
 */
import { openPkiDirectory } from "../../../src/adapters/certificates/pki-directory.ts";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import { createPinoLog } from "../../../src/adapters/log/pino-log.ts";
import { programVersion as version } from "../../../src/cli/commands/version.ts";
import { runInitialisedServer } from "../../../src/setup/run-server.ts";
import { certifySelf } from "../../../src/setup/server-certificates.ts";
import { readIdentity, serverPlaces } from "../../../src/setup/server-files.ts";
import { must } from "./must.ts";

const [life = ""] = process.argv.slice(2);
const dataDirectory = process.argv.at(-1) ?? "";
const lifeMs = Number(life);
const identity = must(await readIdentity(serverPlaces(dataDirectory)));
if (identity === undefined) throw new Error(`${dataDirectory} is no server's`);
const pki = must(await openPkiDirectory(dataDirectory));
must(await certifySelf({ pki, clock, lifeMs }, { ...identity, loadBalancer: undefined }));
const end = new AbortController();
process.on("SIGTERM", () => end.abort());
const log = createPinoLog({ level: "debug", format: "json", component: "server" });
const ended = await runInitialisedServer({
  ...{ dataDirectory, identity, version, clock, log, signal: end.signal },
  listen: undefined,
  // Leases go on while certificates change: a busy machine must not end them.
  initialSettings: { profile: "balanced" },
  certificateLifeMs: lifeMs,
});
log.flush();
if (!ended.ok) console.error(ended.error);
process.exit(ended.ok ? 0 : 1);
