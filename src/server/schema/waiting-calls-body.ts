/** Reads the body of a call to a server that waits: of bounded size, within a bounded time. */
import type { IncomingMessage } from "node:http";
import type * as z from "zod";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import { faultsOf, lineOfFaults, type Problem, problemOf } from "../../wire/errors.ts";
import { refuse } from "../http/problem-error.ts";

/** An order is a word. */
const bodyBytesMax = 16_384;
/** Less than the whole request may take, so that there is still an answer. */
const bodyWithinMs = 4_000;

/** The body as the schema wants it; the problem is the caller's. */
export async function readJsonBody<T>(
  request: IncomingMessage,
  schema: z.ZodType<T>,
  clock: Clock,
): Promise<Result<T, Problem>> {
  if (!/^application\/json *(?:;|$)/i.test(request.headers["content-type"] ?? "")) {
    return refuse("not-supported", "the content-type of the body is not application/json");
  }
  const text = await readText(request, clock);
  if (!text.ok) return text;
  const body = parseJson(text.value);
  if (!body.ok) return body;
  const parsed = schema.safeParse(body.value);
  if (parsed.success) return ok(parsed.data);
  return err(problemOf("bad-input", lineOfFaults(parsed.error), faultsOf(parsed.error)));
}

/** What comes after the outcome is known is read and thrown away: the connection has to stay for the answer. */
async function readText(request: IncomingMessage, clock: Clock): Promise<Result<string, Problem>> {
  const { promise, resolve } = Promise.withResolvers<Result<string, Problem>>();
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  request.on("data", (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes <= bodyBytesMax) chunks.push(chunk);
    else resolve(refuse("too-large", `the body is larger than ${bodyBytesMax} bytes`));
  });
  request.once("end", () => resolve(ok(Buffer.concat(chunks).toString("utf8"))));
  const cut = (): void => resolve(refuse("bad-input", "the request was cut off"));
  request.once("error", cut);
  request.once("close", cut);
  const cancel = clock.after(bodyWithinMs, () => {
    resolve(refuse("bad-input", "the request did not arrive in time"));
  });
  const read = await promise;
  cancel();
  return read;
}

function parseJson(text: string): Result<unknown, Problem> {
  if (text === "") return refuse("bad-input", "the body is empty");
  try {
    return ok(JSON.parse(text));
  } catch {
    return refuse("bad-input", "the body is not valid JSON");
  }
}
