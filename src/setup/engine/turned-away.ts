/**
 * Whether this server was taken out of the cluster while it was away. Its certificate opens no member of the store any
 * more, so the members cannot tell it; the other servers' API does.
 */
import type { TlsCredentials } from "../../server/http/app.ts";
import { apiUrlOf } from "../server-files.ts";
import { requestOfPeer } from "./peer-request.ts";

const answerMsMax = 2_000;

/** What the others say to a server that they have removed; undefined: none says so. */
export async function whyTurnedAway(
  memberUrls: readonly string[],
  tls: TlsCredentials,
): Promise<string | undefined> {
  const answers = await Promise.all(
    memberUrls.map((memberUrl) => {
      const url = apiUrlOf(memberUrl);
      return requestOfPeer({ url, path: "/v1/peers/status", timeoutMs: answerMsMax }, tls);
    }),
  );
  // A server's own certificate is refused there for this one reason.
  return answers.flatMap((answer) =>
    !answer.ok && answer.error.status === 403 ? [answer.error.message] : [],
  )[0];
}
