/** One question of this server to another one, over mutual TLS. */
import { request } from "node:https";
import { err, ok, type Result } from "../../core/result.ts";
import type { PeerRequest } from "../../server/control-plane/control-plane.ts";
import type { TlsCredentials } from "../../server/http/app.ts";
import { problemSchema } from "../../wire/errors.ts";

/** A peer's answer is a few lines. */
const answerBytesMax = 1_048_576;

/** Why there is no answer that could be used; `status`: the HTTP status, where there was one. */
export interface PeerRefusal {
  readonly status: number | undefined;
  /** For a person; of a refusal, the other server's own words. */
  readonly message: string;
}

/** Asks, and reads the JSON. */
export function requestOfPeer(
  peer: PeerRequest,
  tls: TlsCredentials,
): Promise<Result<unknown, PeerRefusal>> {
  return new Promise((resolve) => {
    const fail = (message: string): void => resolve(err({ status: undefined, message }));
    const asking = request(new URL(peer.path, peer.url), {
      ca: tls.authorityPem,
      cert: tls.certificatePem,
      key: tls.keyPem,
      agent: false,
      signal: AbortSignal.timeout(peer.timeoutMs),
    });
    asking.on("error", (error) => {
      const isLate = error.name === "AbortError" || error.name === "TimeoutError";
      fail(isLate ? `no answer within ${peer.timeoutMs} ms` : error.message);
    });
    asking.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > answerBytesMax) response.destroy();
      });
      response.on("error", (error) => fail(error.message));
      response.on("close", () => {
        if (!response.complete) fail("the answer was cut off");
        else resolve(answerOf(response.statusCode, text));
      });
    });
    asking.end();
  });
}

function answerOf(status: number | undefined, text: string): Result<unknown, PeerRefusal> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return err({ status, message: "the answer is not JSON" });
  }
  if (status === 200) return ok(body);
  const problem = problemSchema.safeParse(body);
  const message = problem.success ? problem.data.detail : `HTTP status ${status}`;
  return err({ status, message });
}
