/** What is on disk about each service of this node: written before a workload's first instruction (S3). */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import type { ServiceId } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { WorkloadInstance } from "../../ports/workload.ts";
import { epochSchema, serviceIdSchema, uidSchema } from "../../wire/ids.ts";
import { storedServiceConfigSchema } from "../../wire/service-config.ts";
import { readMaybe, removeFile, writeDurably } from "./files.ts";

const instanceSchema: z.ZodType<WorkloadInstance> = z.object({
  service: serviceIdSchema,
  type: z.string(),
  instanceId: z.string(),
  root: z.object({ pid: z.int(), startTicks: z.int() }),
  containment: z.enum(["namespace", "tracked"]),
  driverState: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

const recordSchema = z.object({
  version: z.literal(1),
  service: serviceIdSchema,
  bootId: z.string(),
  uid: uidSchema,
  epoch: epochSchema,
  /** The copy that runs, or may run; undefined: none does. */
  instance: instanceSchema.optional(),
  tracked: z.boolean(),
  config: storedServiceConfigSchema.optional(),
  /** The uid was executed and failed for this reason. */
  failure: z.string().optional(),
});
export type ServiceFile = z.output<typeof recordSchema>;

export interface ServiceFiles {
  /** All of them, as they are when the agent starts; one that cannot be read is named in `faults`. */
  readAll(): Promise<{
    readonly files: readonly ServiceFile[];
    readonly faults: readonly string[];
  }>;
  /** Durable when it resolves. */
  save(file: ServiceFile): Promise<Result<void, string>>;
  /** Deletes the service's file. */
  remove(service: ServiceId): Promise<Result<void, string>>;
  /** Deletes the service's file if it is about this instance. */
  removeInstance(service: ServiceId, instanceId: string): Promise<Result<void, string>>;
}

/** Files of one directory. Changes of one service are made one after the other, in the order of the calls. */
export function createServiceFiles(directory: string): ServiceFiles {
  const known = new Map<ServiceId, string | undefined>();
  const tails = new Map<ServiceId, Promise<unknown>>();
  const pathOf = (service: ServiceId): string =>
    join(directory, `${service.replace(":", "@")}.json`);

  function inOrder<T>(service: ServiceId, change: () => Promise<T>): Promise<T> {
    const before = tails.get(service) ?? Promise.resolve();
    const done = before.then(change, change);
    tails.set(service, done);
    return done;
  }

  return {
    async readAll() {
      const read = await readDirectory(directory);
      for (const file of read.files) known.set(file.service, file.instance?.instanceId);
      return read;
    },
    save: (file) =>
      inOrder(file.service, async () => {
        known.set(file.service, file.instance?.instanceId);
        return writeDurably(pathOf(file.service), JSON.stringify(file));
      }),
    remove: (service) =>
      inOrder(service, async () => {
        known.delete(service);
        return removeFile(pathOf(service));
      }),
    removeInstance: (service, instanceId) =>
      inOrder(service, async () => {
        if (known.get(service) !== instanceId) return ok(undefined);
        known.delete(service);
        return removeFile(pathOf(service));
      }),
  };
}

async function readDirectory(
  directory: string,
): Promise<{ files: ServiceFile[]; faults: string[] }> {
  const files: ServiceFile[] = [];
  const faults: string[] = [];
  let names: string[];
  try {
    names = (await readdir(directory)).filter((name) => name.endsWith(".json")).sort();
  } catch (error: unknown) {
    return { files, faults: [`cannot read ${directory}: ${sentenceOfSystemError(error)}`] };
  }
  for (const name of names) {
    const path = join(directory, name);
    const file = await readFileChecked(path);
    if (file.ok) files.push(file.value);
    else faults.push(file.error);
  }
  return { files, faults };
}

async function readFileChecked(path: string): Promise<Result<ServiceFile, string>> {
  const text = await readMaybe(path);
  if (!text.ok) return text;
  try {
    const parsed = recordSchema.safeParse(JSON.parse(text.value ?? ""));
    return parsed.success ? ok(parsed.data) : err(`${path} is not what an agent writes`);
  } catch {
    return err(`${path} is not JSON`);
  }
}
