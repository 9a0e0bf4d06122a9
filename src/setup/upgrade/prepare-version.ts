/** Brings a version of Holdfast onto a server's machine: fetched, verified, unpacked beside the others, and tried. */
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { versionFolder, versionsFolder } from "../../launcher/places.ts";
import { isPrepared, mainIn } from "../../packages/prepared.ts";
import { makeRoom } from "../../packages/room.ts";
import { tryProgram } from "../../packages/try-program.ts";
import { unpack } from "../../packages/unpack.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import type { PackageSource } from "../../server/bundles/package-source.ts";
import type { BundleRecord } from "../../wire/bundles.ts";
import { packageStatement } from "../../wire/packages/package-file.ts";
import type { KnownOrder } from "./reports.ts";

export interface PrepareVersionOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly dataDirectory: string;
  /** Version of the installed package, as the launcher knows it; undefined: it has not said. */
  readonly installed: string | undefined;
  /** Undefined: this server serves nothing now, and can get nothing. */
  readonly packages: PackageSource | undefined;
  /** Whether an authority that this server trusts has signed the statement. */
  readonly isSigned: (statement: string, signature: string) => boolean;
  readonly order: KnownOrder;
  readonly signal: AbortSignal;
  /** It has to be fetched. */
  readonly onFetch: () => Promise<void>;
}

/** Other servers may give it a little later. */
const attemptsMax = 6;
const againMs = 1_000;

/** The error says what no further attempt can change, or that the signal has ended it. */
export async function prepareVersion(
  options: PrepareVersionOptions,
): Promise<Result<void, string>> {
  const { dataDirectory, order, installed } = options;
  const { version, sha256 } = order.package;
  if (!isPrepared(dataDirectory, { version, sha256 })) {
    if (sha256 === undefined && version === installed) return ok(undefined); // it has run here
    if (sha256 === undefined) return err(`version ${version} is not on this machine any more`);
    const brought = await bring(options, sha256);
    if (!brought.ok) return brought;
  }
  return await tryProgram(mainIn(dataDirectory, version), version);
}

async function bring(
  options: PrepareVersionOptions,
  sha256: string,
): Promise<Result<void, string>> {
  const { dataDirectory, order, packages, isSigned } = options;
  const { version } = order.package;
  const bundle = await packages?.find(sha256, order.revision);
  if (packages === undefined || bundle?.sha256 !== sha256) {
    return err(`no server keeps the package of version ${version}, with the SHA-256 ${sha256}`);
  }
  // Before anything is fetched, and before any of it is looked into.
  const { signature } = bundle;
  if (signature === undefined || !isSigned(packageStatement({ version, sha256 }), signature)) {
    return err(`the cluster's authority has not signed the package of version ${version}`);
  }
  const room = await makeRoom(dataDirectory, bundle.sizeBytes);
  if (!room.ok) return room;
  const file = join(versionsFolder(dataDirectory), "download.tgz");
  try {
    await options.onFetch();
    const fetched = await fetchInto(file, packages, { ...options, bundle });
    if (!fetched.ok) return fetched;
    const folder = versionFolder(dataDirectory, version);
    return await unpack({ file, folder, version, sha256, nodeVersion: process.version });
  } finally {
    await rm(file, { force: true }).catch(() => undefined); // the next one replaces it
  }
}

async function fetchInto(
  file: string,
  packages: PackageSource,
  {
    bundle,
    clock,
    log,
    signal,
  }: Pick<PrepareVersionOptions, "clock" | "log" | "signal"> & { readonly bundle: BundleRecord },
): Promise<Result<void, string>> {
  let why = "";
  for (let attempt = 0; attempt < attemptsMax && !signal.aborted; attempt += 1) {
    const content = await packages.content(bundle);
    if (content.ok) {
      try {
        await pipeline(content.value, createWriteStream(file, { mode: 0o600 }), { signal });
        return ok(undefined);
      } catch (error: unknown) {
        why = sentenceOfSystemError(error);
      }
    } else {
      why = content.error;
    }
    log.write("warn", `the package "${bundle.name}": ${why}`);
    await pause(clock, againMs, signal);
  }
  return err(signal.aborted ? "it was called off" : `the package "${bundle.name}": ${why}`);
}
