/** The agent's data directory: its lock, its identity, and the lease that it holds or held last. */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import type { Epoch, NodeId } from "../../core/ids.ts";
import type { CountedLease } from "../../core/model/lease-change.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { durationMs } from "../../core/time.ts";
import { epochSchema, nodeIdSchema } from "../../wire/ids.ts";
import { lifelinePathIn } from "../guard/lifeline.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { readMaybe, removeFile, writeDurably } from "./files.ts";

const durationField = z.number().positive().transform(durationMs);
const leaseFileSchema = z.object({
  version: z.literal(1),
  epoch: epochSchema,
  leaseId: z.string(),
  countsOn: z
    .object({ ttlMs: durationField, watchdogMs: durationField, renewEveryMs: durationField })
    .optional(),
});
/** A lease as the agent found or was granted it, and what it counts on of it. */
export interface HeldLease extends CountedLease {
  readonly epoch: Epoch;
}

const nodeFileSchema = z.object({
  version: z.literal(1),
  node: nodeIdSchema,
});

/** The command line on this machine reads it, too, to find the servers. */
const serversFileSchema = z.object({
  version: z.literal(1),
  servers: z.array(z.string()).max(1_000),
  authorityFile: z.string().optional(),
});

export interface DataDirectory {
  readonly path: string;
  /** Marks every process of this agent's workloads. */
  readonly agentId: string;
  /** Names this start of the machine; an instance of another one is gone. */
  readonly bootId: string;
  /** A FIFO that this process holds open, see `PrepareRequest` of the workload port. */
  readonly lifelinePath: string;
  readonly lease: HeldLease | undefined;
  /** The node that the servers said this is; undefined: it has never joined. */
  readonly node: NodeId | undefined;
  /** The servers that it knew last. */
  readonly servers: readonly string[];
  saveLease(lease: HeldLease): Promise<Result<void, string>>;
  dropLease(): Promise<Result<void, string>>;
  saveNode(node: NodeId): Promise<Result<void, string>>;
  saveServers(urls: readonly string[]): Promise<Result<void, string>>;
  unlock(): Promise<void>;
}

/** Opens it for this process alone. The error says who has it, or what is wrong with it. */
export async function openDataDirectory(path: string): Promise<Result<DataDirectory, string>> {
  try {
    await mkdir(join(path, "instances"), { recursive: true, mode: 0o700 });
  } catch (error: unknown) {
    const reason = sentenceOfSystemError(error);
    return err(
      `cannot use data directory ${path}: ${reason}; choose a folder of yours with --data`,
    );
  }
  const locked = lockDirectory(path);
  if (!locked.ok) return locked;
  const opened = await readAll(path, locked.value);
  if (!opened.ok) locked.value.release();
  return opened;
}

async function readAll(path: string, lock: DirectoryLock): Promise<Result<DataDirectory, string>> {
  const leasePath = join(path, "lease.json");
  const nodePath = join(path, "node.json");
  const serversPath = join(path, "servers.json");
  const agentId = await agentIdOf(join(path, "agent-id"));
  if (!agentId.ok) return agentId;
  const lease = await readChecked(leasePath, leaseFileSchema);
  if (!lease.ok) return lease;
  const node = await readChecked(nodePath, nodeFileSchema);
  if (!node.ok) return node;
  const servers = await readChecked(serversPath, serversFileSchema);
  if (!servers.ok) return servers;
  const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const lifeline = await openLifeline(path);
  if (!lifeline.ok) return lifeline;
  return ok({
    path,
    agentId: agentId.value,
    bootId,
    lifelinePath: lifelinePathIn(path),
    lease: lease.value && { ...lease.value, countsOn: lease.value.countsOn },
    node: node.value?.node,
    servers: servers.value?.servers ?? [],
    saveLease: ({ epoch, leaseId, countsOn }) =>
      writeDurably(leasePath, JSON.stringify({ version: 1, epoch, leaseId, countsOn })),
    dropLease: () => removeFile(leasePath),
    saveNode: (value) => writeDurably(nodePath, JSON.stringify({ version: 1, node: value })),
    saveServers: (urls) =>
      writeDurably(serversPath, JSON.stringify({ ...servers.value, version: 1, servers: urls })),
    async unlock() {
      await lifeline.value.close();
      lock.release();
    },
  });
}

/** Opened for reading too, so that it neither waits for the other end nor fails without one. */
async function openLifeline(dataDirectory: string): Promise<Result<FileHandle, string>> {
  const path = lifelinePathIn(dataDirectory);
  try {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFIFO() !== true) await promisify(execFile)("mkfifo", ["--mode=0600", path]);
    return ok(await open(path, constants.O_RDWR | constants.O_NONBLOCK));
  } catch (error: unknown) {
    return err(`cannot make the lifeline ${path}: ${sentenceOfSystemError(error)}`);
  }
}

async function agentIdOf(path: string): Promise<Result<string, string>> {
  const found = await readMaybe(path);
  if (!found.ok) return found;
  const text = found.value?.trim();
  if (text !== undefined && /^[0-9a-f]{32}$/.test(text)) return ok(text);
  const fresh = randomBytes(16).toString("hex");
  const written = await writeDurably(path, fresh);
  return written.ok ? ok(fresh) : written;
}

async function readChecked<T>(
  path: string,
  schema: z.ZodType<T>,
): Promise<Result<T | undefined, string>> {
  const text = await readMaybe(path);
  if (!text.ok) return text;
  if (text.value === undefined) return ok(undefined);
  try {
    const parsed = schema.safeParse(JSON.parse(text.value));
    return parsed.success ? ok(parsed.data) : err(`${path} is not what an agent writes: delete it`);
  } catch {
    return err(`${path} is not JSON: delete it`);
  }
}
