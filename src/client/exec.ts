/** A command beside a service, seen from the person's side: input goes in, output comes out, and its end. */
import { once } from "node:events";
import type { ClientRequest } from "node:http";
import {
  aliveEveryMs,
  createFrameReader,
  encodeData,
  encodeFrame,
  encodeJson,
  execContentType,
  type Frame,
  jsonOfFrame,
  silenceMsMax,
} from "../wire/exec/frames.ts";
import { type ExecEnd, execEndSchema, type execRequestSchema } from "../wire/exec/messages.ts";
import { type ApiFailure, type ApiResult, failure } from "./api-error.ts";
import { type BothWays, openBoth, reasonOf, type TransportOptions } from "./transport.ts";

/** What is to be run, and its streams. */
export interface ExecQuery {
  readonly request: Parameters<typeof execRequestSchema.parse>[0] & object;
  /** Undefined: the command finds its input at its end. */
  readonly input: AsyncIterable<Uint8Array> | undefined;
  /** More is read once it has resolved; where it rejects, the command is ended. */
  output(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void>;
  /** Ends the command. */
  readonly signal: AbortSignal;
}

/** Resolves when the command has ended, or cannot be followed any more: then it is ended too. */
export async function exec(
  transport: TransportOptions,
  path: string,
  query: ExecQuery,
): Promise<ApiResult<ExecEnd>> {
  const opened = await openBoth(transport, {
    method: "POST",
    path,
    beginning: encodeJson("open", query.request),
    headers: { "content-type": execContentType },
    signal: query.signal,
  });
  if (!opened.ok) return opened;
  const { outgoing } = opened.value;
  const over = new AbortController();
  const alive = setInterval(() => {
    if (!outgoing.writableEnded && !outgoing.writableNeedDrain)
      outgoing.write(encodeFrame("alive"));
  }, aliveEveryMs);
  try {
    void sendInput(outgoing, query.input, over.signal);
    const end = await readToEnd(opened.value, query);
    if (end !== undefined) return { ok: true, value: end, body: end };
    return lost(opened.value, "it answers with something that the protocol does not have");
  } catch (error: unknown) {
    if (query.signal.aborted) return failure("aborted", "interrupted", "start it again");
    return lost(opened.value, reasonOf(error));
  } finally {
    clearInterval(alive);
    over.abort();
    if (!outgoing.writableEnded) outgoing.end();
    opened.value.response.destroy();
  }
}

function lost({ server }: BothWays, why: string): ApiFailure {
  const what = `lost ${server}: ${why}; the command was ended`;
  return failure("cut-off", what, "look at the service, then run it again");
}

async function sendInput(
  outgoing: ClientRequest,
  input: ExecQuery["input"],
  over: AbortSignal,
): Promise<void> {
  try {
    for await (const bytes of input ?? []) {
      for (const frame of encodeData("stdin", bytes)) {
        if (over.aborted || outgoing.writableEnded) return;
        if (!outgoing.write(frame)) await once(outgoing, "drain", { signal: over });
      }
    }
    if (!outgoing.writableEnded) outgoing.write(encodeFrame("stdin-end"));
  } catch {
    // The command is over; or the input broke, and then there is no more of it.
    if (!over.aborted && !outgoing.writableEnded) outgoing.write(encodeFrame("stdin-end"));
  }
}

/** Undefined: what came is no frame. Rejects when the connection broke, or was silent for too long. */
async function readToEnd(
  { outgoing, response }: BothWays,
  query: ExecQuery,
): Promise<ExecEnd | undefined> {
  const reader = createFrameReader();
  const chunks = response[Symbol.asyncIterator]();
  for (;;) {
    // Only while it is listened to, its silence says something.
    const timer = setTimeout(() => {
      response.destroy(new Error(`silent for ${silenceMsMax / 1_000} s`));
    }, silenceMsMax);
    const next = await chunks.next().finally(() => clearTimeout(timer));
    if (next.done === true) throw new Error("the connection was closed");
    const frames = reader.read(next.value);
    if (!frames.ok) return undefined;
    for (const frame of frames.value) {
      if (frame.kind === "end") {
        outgoing.end();
        return endIn(frame);
      }
      if (frame.kind === "stdout" || frame.kind === "stderr") {
        await query.output(frame.kind, frame.payload);
      }
    }
  }
}

function endIn(frame: Frame): ExecEnd | undefined {
  const parsed = execEndSchema.safeParse(jsonOfFrame(frame));
  return parsed.success ? parsed.data : undefined;
}
