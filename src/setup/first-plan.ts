/** What `server init` was asked for that belongs into the store, kept until the first start writes it there. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { replaceFile } from "../adapters/certificates/durable-file.ts";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Store } from "../ports/store.ts";
import { jsonOf } from "../runtime/manager-records.ts";
import { keys } from "../wire/records.ts";
import { hostAndPortSchema } from "../wire/servers.ts";

const planSchema = z.strictObject({
  loadBalancer: hostAndPortSchema.optional(),
  isolate: z.boolean(),
});
type FirstPlan = z.output<typeof planSchema>;

function pathIn(dataDirectory: string): string {
  return join(dataDirectory, "first-start.json");
}

/** Keeps the wishes. */
export async function writeFirstPlan(
  dataDirectory: string,
  plan: { readonly loadBalancer: string | undefined; readonly isolate: boolean },
): Promise<Result<void, string>> {
  const path = pathIn(dataDirectory);
  try {
    await replaceFile(path, `${JSON.stringify(plan)}\n`, 0o600);
    return ok(undefined);
  } catch (error: unknown) {
    return err(`cannot write ${path}: ${sentenceOfSystemError(error)}`);
  }
}

/** Writes the wishes into a store that has no word about them yet. Does nothing at later starts. */
export async function applyFirstPlan(
  store: Store,
  dataDirectory: string,
): Promise<Result<void, string>> {
  const plan = await readPlan(dataDirectory);
  if (!plan.ok || plan.value === undefined) return plan.ok ? ok(undefined) : plan;
  const written = await store.txn({
    compare: [{ kind: "absent", key: keys.controlPlane }],
    then: [{ kind: "put", key: keys.controlPlane, value: jsonOf({ version: 1, ...plan.value }) }],
  });
  return written.ok ? ok(undefined) : err(written.error.message);
}

async function readPlan(dataDirectory: string): Promise<Result<FirstPlan | undefined, string>> {
  const path = pathIn(dataDirectory);
  try {
    const parsed = planSchema.safeParse(JSON.parse(await readFile(path, "utf8")));
    return parsed.success ? ok(parsed.data) : err(`${path} is not what holdfast writes: delete it`);
  } catch (error: unknown) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ok(undefined);
    return err(`cannot read ${path}: ${sentenceOfSystemError(error)}`);
  }
}
