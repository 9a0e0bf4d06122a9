/**
 * How a machine that has nothing but a join command speaks to servers: it fetches the authority's certificate, compares
 * it with the hash of the command, and from then on trusts that authority alone.
 */
import { type RequestOptions, request } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import type * as z from "zod";
import { findAuthority } from "../../adapters/certificates/pem.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { KeyAndCertificate } from "../../ports/certificates.ts";
import { problemSchema } from "../../wire/errors.ts";
import { authorityAnswerSchema } from "../../wire/joining.ts";

/** Servers to ask, and what to trust of them. */
export interface Servers {
  readonly urls: readonly string[];
  readonly authorityPem: string;
  /** What is shown to them; undefined: nothing, the token in the body is enough. */
  readonly shown?: KeyAndCertificate | undefined;
}

/** An answer may take the time of some elections. */
const answerMsMax = 15_000;
/** Some elections of the store's leader, one after the other. */
const repeatMsMax = 10_000;
const againMs = 500;
const answerBytesMax = 262_144;

/** Finds a server whose authority is the one that the command names. */
export async function findServers(
  urls: readonly string[],
  authorityHash: string,
): Promise<Result<Servers, string>> {
  const reasons: string[] = [];
  for (const url of urls) {
    // Nothing secret is sent yet, and what comes is compared with the hash.
    const answer = await exchange(url, "/v1/join/authority", { rejectUnauthorized: false });
    const body = answer.ok ? authorityAnswerSchema.safeParse(answer.value.body) : undefined;
    if (answer.ok && body?.success === true) {
      const authority = findAuthority(body.data.authorityPem, authorityHash);
      if (authority.ok) return ok({ urls, authorityPem: authority.value });
      reasons.push(`${url}: ${authority.error}`);
    } else {
      reasons.push(`${url}: ${answer.ok ? "it is no Holdfast server" : answer.error}`);
    }
  }
  return err(`no server of the join command can be used: ${reasons.join("; ")}`);
}

/**
 * Posts to the first server that can answer; again for a while where servers answer that they cannot now, as in an
 * election of their store's leader: a request to join may be repeated. The error is a refusal, or says that none answers.
 */
export async function post<T>(
  servers: Servers,
  path: string,
  body: unknown,
  schema: z.ZodType<T>,
): Promise<Result<T, string>> {
  const giveUpAtMs = performance.now() + repeatMsMax;
  for (;;) {
    const round = await postOnce(servers, path, body, schema);
    if (round.kind === "over") return round.answer;
    if (!round.isBusy || performance.now() >= giveUpAtMs) {
      return err(`no server answers: ${round.reasons.join("; ")}`);
    }
    await pause(againMs);
  }
}

type Round<T> =
  | { readonly kind: "over"; readonly answer: Result<T, string> }
  /** `isBusy`: a server is there, and cannot do it now. */
  | { readonly kind: "unanswered"; readonly isBusy: boolean; readonly reasons: readonly string[] };

async function postOnce<T>(
  servers: Servers,
  path: string,
  body: unknown,
  schema: z.ZodType<T>,
): Promise<Round<T>> {
  let isBusy = false;
  const reasons: string[] = [];
  for (const url of servers.urls) {
    const tls = {
      ca: servers.authorityPem,
      key: servers.shown?.keyPem,
      cert: servers.shown?.certificatePem,
    };
    const answer = await exchange(url, path, { ...tls, method: "POST" }, body);
    if (!answer.ok || answer.value.status >= 500) {
      isBusy ||= answer.ok && isPassing(answer.value);
      reasons.push(`${url}: ${answer.ok ? wordsOf(answer.value) : answer.error}`);
      continue;
    }
    if (answer.value.status >= 300) return { kind: "over", answer: err(wordsOf(answer.value)) };
    const parsed = schema.safeParse(answer.value.body);
    const strange = `${url} answers in a form that this version does not know; install the same version`;
    return { kind: "over", answer: parsed.success ? ok(parsed.data) : err(strange) };
  }
  return { kind: "unanswered", isBusy, reasons };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Not a frozen cluster, say: that lasts, and its words are to be read now. */
function isPassing({ body }: Answer): boolean {
  const problem = problemSchema.safeParse(body);
  if (!problem.success) return false;
  return problem.data.code === "unavailable" || problem.data.code === "outcome-unknown";
}

function wordsOf({ status, body }: Answer): string {
  const problem = problemSchema.safeParse(body);
  return problem.success ? problem.data.detail : `HTTP status ${status}`;
}

function exchange(
  url: string,
  path: string,
  options: RequestOptions,
  body?: unknown,
): Promise<Result<Answer, string>> {
  if (!url.startsWith("https:")) return Promise.resolve(err("it is no https address"));
  return new Promise((resolve) => {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const asking = request(new URL(path, url), {
      ...options,
      agent: false,
      signal: AbortSignal.timeout(answerMsMax),
      headers: content === undefined ? {} : { "content-type": "application/json" },
    });
    asking.on("error", (error) => {
      const isLate = error.name === "TimeoutError" || error.name === "AbortError";
      resolve(err(isLate ? `no answer within ${answerMsMax / 1_000} s` : error.message));
    });
    asking.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > answerBytesMax) response.destroy();
      });
      response.on("error", () => undefined); // "close" follows and says that it is not complete
      response.on("close", () => {
        if (!response.complete) resolve(err("the answer was cut off"));
        else resolve(ok({ status: response.statusCode ?? 0, body: jsonIn(text) }));
      });
    });
    asking.end(content);
  });
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema says what it means
  }
}
