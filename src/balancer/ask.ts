/** One GET to a server, over a connection of its own, as any client would begin one: small, and soon over. */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { reasonOf } from "../client/transport.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Backend } from "./config/backends.ts";

/** Largest answer that is read: a list of a hundred servers is far smaller. */
const answerBytesMax = 1_048_576;

export interface Question {
  readonly backend: Backend;
  readonly path: string;
  /** PEM of the cluster's authority; undefined: any certificate will do. */
  readonly authority: string | undefined;
  /** Sent only to a server whose certificate is checked, or that speaks plain HTTP. */
  readonly token?: string | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The error is the reason, in words: nobody listens, no answer in time, a certificate that is not to be trusted. */
export async function ask(question: Question): Promise<Result<Answer, string>> {
  const { clock, timeoutMs, signal } = question;
  const over = new AbortController();
  const end = (): void => over.abort();
  const cancel = clock.after(timeoutMs, end);
  signal.addEventListener("abort", end);
  try {
    return ok(await exchange(question, over.signal));
  } catch (error: unknown) {
    return err(over.signal.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error));
  } finally {
    cancel();
    signal.removeEventListener("abort", end);
  }
}

function exchange(question: Question, signal: AbortSignal): Promise<Answer> {
  const { backend, path, authority } = question;
  const mayHaveToken = backend.scheme === "http" || authority !== undefined;
  const token = mayHaveToken ? question.token : undefined;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const outgoing = (backend.scheme === "https" ? requestHttps : requestHttp)(
    {
      host: backend.host,
      port: backend.port,
      path,
      agent: false,
      signal,
      ca: authority,
      rejectUnauthorized: authority !== undefined,
      headers: {
        accept: "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    },
    (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > answerBytesMax) outgoing.destroy(new Error("its answer is too large"));
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    },
  );
  outgoing.on("error", reject);
  outgoing.end();
  return promise;
}
