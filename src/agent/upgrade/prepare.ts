/** Brings a version of Holdfast onto this machine: fetched, verified, and unpacked beside the others. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { err, ok, type Result } from "../../core/result.ts";
import { versionFolder, versionsFolder } from "../../launcher/places.ts";
import { isPrepared } from "../../packages/prepared.ts";
import { makeRoom } from "../../packages/room.ts";
import { unpack } from "../../packages/unpack.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { AgentUpgradeOrder } from "../../wire/fleet/agent-upgrades.ts";
import { packageStatement } from "../../wire/packages/package-file.ts";
import type { Servers } from "../link/servers.ts";
import { createPause } from "../pause.ts";
import { download } from "./download.ts";

export interface PrepareOptions {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
  readonly dataDirectory: string;
  /** Whether an authority that this agent trusts has signed the statement; undefined: it trusts none. */
  readonly isSigned: ((statement: string, signature: string) => boolean) | undefined;
  readonly wanted: AgentUpgradeOrder["package"];
  readonly signal: AbortSignal;
  /** It has to be fetched. */
  readonly onDownload: () => Promise<void>;
}

const retryMsMin = 500;
const retryMsMax = 30_000;
/** Wrong content so often is no passing trouble of one server. */
const wrongMax = 5;

/** Tries until it is here; the error says what no further attempt can change, or that the signal has ended it. */
export async function prepare(options: PrepareOptions): Promise<Result<void, string>> {
  const { dataDirectory, wanted, isSigned } = options;
  if (isPrepared(dataDirectory, wanted)) return ok(undefined);
  const { version, sha256, sizeBytes, signature } = wanted;
  if (sizeBytes === undefined) return err(`no server keeps the package of version ${version}`);
  if (isSigned === undefined) {
    return err("this agent has no certificate, and trusts no authority that could have signed it");
  }
  // Before anything is fetched, and before any of it is looked into.
  if (signature === undefined || !isSigned(packageStatement(wanted), signature)) {
    return err(`the cluster's authority has not signed the package of version ${version}`);
  }
  const room = await makeRoom(dataDirectory, sizeBytes);
  if (!room.ok) return room;
  const file = join(versionsFolder(dataDirectory), "download.tgz");
  try {
    await options.onDownload();
    const fetched = await fetchPackage(options, { file, sizeBytes });
    if (!fetched.ok) return fetched;
    const folder = versionFolder(dataDirectory, version);
    return await unpack({ file, folder, version, sha256, nodeVersion: process.version });
  } finally {
    await rm(file, { force: true }).catch(() => undefined); // the next download replaces it
  }
}

async function fetchPackage(
  { servers, clock, log, wanted, signal }: PrepareOptions,
  { file, sizeBytes }: { readonly file: string; readonly sizeBytes: number },
): Promise<Result<void, string>> {
  const pause = createPause(clock);
  const wake = (): void => pause.end();
  signal.addEventListener("abort", wake, { once: true });
  try {
    let wrongCount = 0;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const urls = servers.urls();
      const server = attempt === 0 ? servers.preferred() : (urls[attempt % urls.length] ?? "");
      const { sha256 } = wanted;
      const fetched = await download({ servers, server, sha256, sizeBytes, file, signal });
      if (fetched.ok) return fetched;
      const { kind, message } = fetched.error;
      const why = `the package of version ${wanted.version} from ${server}: ${message}`;
      if (signal.aborted) break;
      log.write("warn", why);
      if (kind === "wrong") wrongCount += 1;
      if (kind === "final" || wrongCount >= wrongMax) return err(why);
      await pause.wait(Math.min(retryMsMin * 2 ** Math.min(attempt, 10), retryMsMax));
    }
    return err("it was called off");
  } finally {
    signal.removeEventListener("abort", wake);
  }
}
