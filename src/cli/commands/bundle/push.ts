/**
 * `bundle push`: hashes the file, sends it to a server, and waits until a majority of the servers has a copy. A server
 * that is lost meanwhile costs the time of sending it to the next one: a bundle pushed twice is there once.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { ApiError, ApiResult } from "../../../client/api-error.ts";
import type { Client } from "../../../client/client.ts";
import { sentenceOfSystemError } from "../../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import { type BundleResource, bundleNameSchema } from "../../../wire/bundles.ts";
import { argumentAt } from "../../command-context.ts";
import { done, type Failure, fail, failOfApi, type Outcome, usage } from "../../failure.ts";
import { createProgress, type Progress } from "../../progress.ts";
import type { Session } from "../../session.ts";
import { sizeText } from "./size-text.ts";

/** So long one request waits for copies: shorter than balancers keep a silent connection. */
const waitMsMax = 15_000;
/** Bytes that are read at a time. */
const chunkBytes = 262_144;
const progressBytes = 16_777_216;
/** After a push was cut off, a server that takes it is looked for so long: elections and restarts fit in. */
const againMsMax = 30_000;
const againEveryMs = 500;

const optionsSchema = z.object({
  name: z.string().optional(),
  replace: z.boolean().default(false),
  timeout: z.number().default(600_000),
});

interface LocalFile {
  readonly path: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** The handler of `bundle push`. */
export async function pushBundle(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const pushed = await pushFile(session, argumentAt(values, 0), optionsSchema.parse(options));
  return pushed.ok ? tell(session, pushed.value.answer, pushed.value.how) : pushed;
}

interface Pushed {
  readonly answer: ApiResult<BundleResource> & { readonly ok: true };
  readonly how: "pushed" | "there already";
}

/** Pushes a file, unless the servers have it already, and waits until it is safe. */
export async function pushFile(
  session: Session,
  path: string,
  { name, replace, timeout }: z.output<typeof optionsSchema> = optionsSchema.parse({}),
): Promise<Result<Pushed, Failure>> {
  const checked = checkName(name ?? basename(path));
  if (!checked.ok) return checked;
  const client = await session.client();
  if (!client.ok) return client;
  const progress = createProgress(session.io);
  try {
    const file = await readLocal(path, checked.value, { progress, signal: session.io.signal });
    if (!file.ok) return file;
    const known = await client.value.bundle(file.value.sha256);
    if (known.ok && known.value.isSafe && known.value.name === file.value.name) {
      return ok({ answer: known, how: "there already" });
    }
    const deadlineMs = session.io.nowMs() + timeout;
    const copied = await pushUntilSafe(session, client.value, {
      file: file.value,
      others: replace ? "replace" : "keep",
      waitMs: Math.min(timeout, waitMsMax),
      deadlineMs,
      progress,
    });
    if (!copied.ok) return failOfPush(copied.error);
    return ok({ answer: copied, how: "pushed" });
  } finally {
    progress.end();
  }
}

/** The server's hint is for all that can exist already. */
function failOfPush(error: ApiError): ReturnType<typeof fail> {
  if (error.code !== "already-exists") return failOfApi(error);
  return fail(error.exitCode, error.message, "give another --name, or add --replace");
}

function checkName(name: string): Result<string, Failure> {
  const parsed = bundleNameSchema.safeParse(name);
  if (parsed.success) return ok(name);
  const what = `"${name}" cannot be a bundle's name: ${parsed.error.issues[0]?.message ?? ""}`;
  return usage(what, "give it another one with --name");
}

interface ReadOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function readLocal(
  path: string,
  name: string,
  { progress, signal }: ReadOptions,
): Promise<Result<LocalFile, Failure>> {
  try {
    const about = await stat(path);
    if (!about.isFile()) return usage(`${path} is no file`, "pack a folder first, e.g. with tar");
    if (about.size === 0) return usage(`${path} is empty`, "name the file that is to be kept");
    const hash = createHash("sha256");
    const report = countedProgress(progress, `reads ${path}`, about.size);
    for await (const piece of createReadStream(path, { highWaterMark: chunkBytes, signal })) {
      const bytes = Buffer.from(piece);
      hash.update(bytes);
      report(bytes.length);
    }
    return ok({ path, name, sizeBytes: about.size, sha256: hash.digest("hex") });
  } catch (error: unknown) {
    if (signal.aborted) return err({ exitCode: 130, what: "interrupted", hint: undefined });
    return usage(`cannot read ${path}: ${sentenceOfSystemError(error)}`, "check its name");
  }
}

/** Shows a part now and then, not each piece. */
function countedProgress(
  progress: Progress,
  what: string,
  sizeBytes: number,
): (bytes: number) => void {
  let doneBytes = 0;
  let shownBytes = 0;
  return (bytes) => {
    doneBytes += bytes;
    if (doneBytes - shownBytes < progressBytes) return;
    shownBytes = doneBytes;
    progress.show(what, `${what}: ${sizeText(doneBytes)} of ${sizeText(sizeBytes)}`);
  };
}

interface SendOptions {
  readonly others: "keep" | "replace";
  readonly waitMs: number;
  readonly progress: Progress;
}

interface PushOptions extends SendOptions {
  readonly file: LocalFile;
  readonly deadlineMs: number;
}

/** Pushes, and pushes again where it is not known what has become of it. */
async function pushUntilSafe(
  session: Session,
  client: Client,
  options: PushOptions,
): Promise<ApiResult<BundleResource>> {
  const { file, deadlineMs, progress } = options;
  let giveUpAtMs = 0;
  for (;;) {
    const sent = await send(client, file, options);
    const answer = await untilCopied(session, client, { sent, file, deadlineMs, progress });
    if (answer.ok) return answer;
    const nowMs = session.io.nowMs();
    const wasBegun = mayBeBegun(answer.error) || (!sent.ok && sent.error.code === notSafeYet);
    if (wasBegun) giveUpAtMs = Math.min(deadlineMs, nowMs + againMsMax);
    if (!isPassing(answer.error) || nowMs >= giveUpAtMs) return answer;
    const line = `pushes ${file.name} again, to another server: ${answer.error.message}`;
    progress.show(file.name, line);
    await sleep(againEveryMs);
    const known = await client.bundle(file.sha256);
    if (known.ok && known.value.isSafe && known.value.name === file.name) return known;
  }
}

const notSafeYet = "not-replicated";

/** Nobody can tell what the server has done. */
function mayBeBegun({ kind, code }: ApiError): boolean {
  return kind === "cut-off" || kind === "timed-out" || code === "outcome-unknown";
}

/** The same push may go well at another server, or a moment later. */
function isPassing(error: ApiError): boolean {
  return mayBeBegun(error) || error.kind === "unreachable" || error.code === "unavailable";
}

function send(
  client: Client,
  { path, name, sizeBytes, sha256 }: LocalFile,
  { others, waitMs, progress }: SendOptions,
): Promise<ApiResult<BundleResource>> {
  async function* read(): AsyncGenerator<Uint8Array, void> {
    const report = countedProgress(progress, `sends ${name}`, sizeBytes);
    for await (const piece of createReadStream(path, { highWaterMark: chunkBytes })) {
      const bytes = Buffer.from(piece);
      yield bytes;
      report(bytes.length);
    }
  }
  return client.pushBundle({ sha256, name, others, waitMs, content: { sizeBytes, read } });
}

interface Copying {
  readonly sent: ApiResult<BundleResource>;
  readonly file: LocalFile;
  readonly deadlineMs: number;
  readonly progress: Progress;
}

/** The content is on one server: asks again and again how many have it, each time for a while. */
async function untilCopied(
  session: Session,
  client: Client,
  { sent, file, deadlineMs, progress }: Copying,
): Promise<ApiResult<BundleResource>> {
  if (sent.ok || sent.error.code !== notSafeYet) return sent;
  for (;;) {
    const leftMs = deadlineMs - session.io.nowMs();
    if (leftMs <= 0) return sent;
    const answer = await client.bundle(file.sha256, Math.min(leftMs, waitMsMax));
    if (!answer.ok || answer.value.isSafe) return answer;
    const { copies, majority, missing } = answer.value;
    const line = `${file.name} is on ${copies.length} servers, ${majority} are needed; missing on ${missing.join(", ")}`;
    progress.show(file.name, line);
  }
}

function tell(
  session: Session,
  answer: ApiResult<BundleResource> & { readonly ok: true },
  how: "pushed" | "there already",
): Outcome {
  const { name, sha256, sizeBytes, copies, missing } = answer.value;
  const where =
    missing.length === 0
      ? `on ${copies.length === 1 ? "the server" : `all ${copies.length} servers`}`
      : `on ${copies.length} of ${copies.length + missing.length} servers, on its way to the others`;
  session.print(
    answer.body,
    () => `${name} (${sizeText(sizeBytes)}, ${sha256}) is ${how}: ${where}\n`,
  );
  return done;
}
