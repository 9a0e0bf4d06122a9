/** What a join command is made of: addresses, the authority's hash, and a token that is never an argument. */
import { ok, type Result } from "../../core/result.ts";
import { argumentAt } from "../command-context.ts";
import { type Failure, usage } from "../failure.ts";
import type { Session } from "../session.ts";
import { parseServers } from "./connection.ts";

interface JoinWords {
  readonly servers: readonly string[];
  readonly token: string;
  readonly authorityHash: string;
}

/** Checks the words; each failure says which one is wrong. */
export function joinWordsOf(
  session: Session,
  values: readonly string[],
  authorityHash: string,
): Result<JoinWords, Failure> {
  const servers = parseServers(argumentAt(values, 0), "the servers' addresses");
  if (!servers.ok) return servers;
  if (!/^sha256:[0-9a-f]{64}$/.test(authorityHash)) {
    return usage(`--ca-hash: "${authorityHash}" is no hash`, "copy it from holdfast join-script");
  }
  const token = session.io.environment["HOLDFAST_JOIN_TOKEN"]?.trim();
  if (token === undefined || !/^hfj_[0-9a-f]{12}_[\w-]{43}$/.test(token)) {
    return usage(
      "HOLDFAST_JOIN_TOKEN holds no join token",
      "copy the whole command of holdfast join-script",
    );
  }
  return ok({ servers: servers.value, token, authorityHash });
}
