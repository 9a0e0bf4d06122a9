/**
 * A process of its own, `move-child.ts DATA STEP`: moves the store of a stopped server to etcd, and dies by SIGKILL when
 * STEP begins, or after the move when it is `moved`.
 */
import { openPkiDirectory } from "../../../src/adapters/certificates/pki-directory.ts";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import { openCredentials } from "../../../src/setup/engine/credentials.ts";
import { openEngine } from "../../../src/setup/engine/open-engine.ts";
import { moveToEtcd } from "../../../src/setup/move/move-to-etcd.ts";
import { readIdentity, serverPlaces } from "../../../src/setup/server-files.ts";
import { must } from "./must.ts";
import { silentLog as log } from "./silent-log.ts";

const [dataDirectory = "", step = ""] = process.argv.slice(2);

function dieAt(word: string): void {
  if (word.startsWith(step)) process.kill(process.pid, "SIGKILL");
}

const places = serverPlaces(dataDirectory);
const pki = must(await openPkiDirectory(dataDirectory));
const credentials = must(await openCredentials(pki));
const identity = must(await readIdentity(places));
if (identity === undefined) throw new Error(`${dataDirectory} is no server's`);
const { signal } = new AbortController();
const common = { places, identity, credentials, clock, log, signal };
const { gate } = must(await openEngine({ version: 1, engine: "embedded" }, common));
if (gate === undefined) throw new Error("it is not on the embedded store");
must(await moveToEtcd({ ...common, source: gate, onStatus: ({ detail }) => dieAt(detail) }));
dieAt("moved");
