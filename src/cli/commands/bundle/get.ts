/** `bundle get`: fetches content into a new file, which gets its name once its SHA-256 is right. */
import { createHash } from "node:crypto";
import { type FileHandle, link, open, rm } from "node:fs/promises";
import * as z from "zod";
import { reasonOf } from "../../../client/transport.ts";
import { sentenceOfSystemError } from "../../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import type { BundleResource } from "../../../wire/bundles.ts";
import { argumentAt } from "../../command-context.ts";
import { done, type Failure, fail, failOfApi, type Outcome } from "../../failure.ts";
import type { Session } from "../../session.ts";
import { sizeText } from "./size-text.ts";

const optionsSchema = z.object({ out: z.string().optional() });

/** The handler of `bundle get`. */
export async function getBundle(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const words = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const found = await client.value.bundle(words);
  if (!found.ok) return failOfApi(found.error);
  const bundle = found.value;
  const out = optionsSchema.parse(options).out ?? bundle.name;
  const draft = `${out}.part`;
  const file = await openDraft(draft);
  if (!file.ok) return file;
  try {
    const content = await client.value.readBundle(bundle.sha256, session.io.signal);
    if (!content.ok) return failOfApi(content.error);
    const written = await write(file.value, content.value, { bundle, signal: session.io.signal });
    if (!written.ok) return written;
    await link(draft, out); // never over a file that is there
  } catch (error: unknown) {
    return fail(
      1,
      `cannot write ${out}: ${sentenceOfSystemError(error)}`,
      "name a new file with --out",
    );
  } finally {
    await file.value.close();
    await rm(draft, { force: true });
  }
  session.print(
    found.body,
    () => `${bundle.name} (${sizeText(bundle.sizeBytes)}, ${bundle.sha256}) is in ${out}\n`,
  );
  return done;
}

async function openDraft(draft: string): Promise<Result<FileHandle, Failure>> {
  try {
    return ok(await open(draft, "wx", 0o644));
  } catch (error: unknown) {
    const hint = "name a new file in a folder of yours with --out";
    return fail(2, `cannot write ${draft}: ${sentenceOfSystemError(error)}`, hint);
  }
}

interface Wanted {
  readonly bundle: BundleResource;
  readonly signal: AbortSignal;
}

async function write(
  file: FileHandle,
  content: AsyncIterable<Uint8Array>,
  { bundle, signal }: Wanted,
): Promise<Result<void, Failure>> {
  const hash = createHash("sha256");
  const pieces = content[Symbol.asyncIterator]();
  for (;;) {
    const next = await nextOf(pieces);
    if (!next.ok) {
      if (signal.aborted) return err({ exitCode: 130, what: "interrupted", hint: undefined });
      const hint = "its copy may be damaged: try again, it is fetched anew";
      return fail(1, `${bundle.name} did not come to its end: ${next.error}`, hint);
    }
    if (next.value === undefined) break;
    hash.update(next.value);
    await file.appendFile(next.value);
  }
  if (hash.digest("hex") !== bundle.sha256) {
    return fail(1, `what came is not ${bundle.name}: its SHA-256 is wrong`, "try again");
  }
  await file.sync();
  return ok(undefined);
}

async function nextOf(
  pieces: AsyncIterator<Uint8Array>,
): Promise<Result<Uint8Array | undefined, string>> {
  try {
    const next = await pieces.next();
    return ok(next.done === true ? undefined : next.value);
  } catch (error: unknown) {
    return err(reasonOf(error));
  }
}
