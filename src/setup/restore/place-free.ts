/** Whether a data directory may be restored into: nothing lives there, and what is there may be put aside. */
import { join } from "node:path";
import { err, ok, type Result } from "../../core/result.ts";
import type { TlsCredentials } from "../../server/http/app.ts";
import { openDatabase } from "../../stores/sqlite/open-database.ts";
import type { ServerRecord } from "../../wire/servers.ts";
import { requestOfPeer } from "../engine/peer-request.ts";
import { isThere } from "../place/is-there.ts";
import { checkPortsFree } from "../place/machine.ts";
import { readEngine, readIdentity, serverPlaces } from "../server-files.ts";
import { checkBeforeFree, restoreFolders, serverNames } from "./restore-switch.ts";

/** A server that is well answers at once. */
const silenceMs = 3_000;

/** `replace`: a server that is there is put aside; one that runs never is. */
export async function checkPlaceFree(
  dataDirectory: string,
  existing: "refuse" | "replace",
): Promise<Result<void, string>> {
  const found: string[] = [];
  for (const name of serverNames) {
    if (await isThere(join(dataDirectory, name))) found.push(name);
  }
  const busy = await checkNotRunning(dataDirectory);
  if (!busy.ok) return busy;
  if (found.length === 0 || existing === "replace") return await checkBeforeFree(dataDirectory);
  const { before } = restoreFolders(dataDirectory);
  return err(
    `${dataDirectory} holds a server already (${found.join(", ")}): give another --data, or --put-aside to keep it in ${before}`,
  );
}

async function checkNotRunning(dataDirectory: string): Promise<Result<void, string>> {
  const places = serverPlaces(dataDirectory);
  const running = (why: string): Result<never, string> =>
    err(`the server of ${dataDirectory} runs (${why}): stop it first`);
  const another = join(restoreFolders(dataDirectory).draft, "store.sqlite");
  if (await isOpenElsewhere(another)) {
    return err(`another restore into ${dataDirectory} goes on: wait until it has ended`);
  }
  if (await isOpenElsewhere(places.sqliteFile)) return running("its store is open");
  const identity = await readIdentity(places);
  if (!identity.ok || identity.value === undefined) return ok(undefined); // it is none that could run
  const engine = await readEngine(places);
  const hasMember =
    engine.ok && engine.value?.engine === "etcd" && engine.value.member !== undefined;
  const free = await checkPortsFree({ ...identity.value, member: hasMember ? "own" : "none" });
  return free.ok ? free : running(free.error);
}

async function isOpenElsewhere(file: string): Promise<boolean> {
  if (!(await isThere(file))) return false;
  const opened = openDatabase(file);
  if (opened.ok) opened.value.close();
  return !opened.ok && opened.error.kind === "in-use";
}

/** Which of the old life's servers answer, in words; undefined: none does. Agents of theirs would have two masters. */
export async function oldServersThatAnswer(
  servers: readonly ServerRecord[],
  tls: TlsCredentials,
): Promise<string | undefined> {
  const answers = await Promise.all(
    servers.map(async ({ url }) => {
      const question = { url, path: "/v1/peers/status", timeoutMs: silenceMs };
      const answer = await requestOfPeer(question, tls);
      return answer.ok || answer.error.status !== undefined;
    }),
  );
  const alive = servers.filter((_server, index) => answers[index] === true);
  if (alive.length === 0) return undefined;
  return `${alive.map(({ id, url }) => `server ${id} at ${url}`).join(", ")} answers`;
}
