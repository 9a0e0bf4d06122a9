/** Asks the servers themselves which servers there are: one after the other, until one gives a list of use. */
import * as z from "zod";
import { err, ok, type Result } from "../../core/result.ts";
import { type Answer, ask, type Question } from "../ask.ts";
import { type Backend, type Backends, backendsMax, backendsOf } from "../config/backends.ts";
import type { KeptServer } from "./list-file.ts";

/** The server that is asked waits up to two seconds for those that do not answer it. */
const answerTimeoutMs = 5_000;

/** What counts of `GET /v1/servers` here; newer servers may say more of each. */
const listSchema = z.object({
  items: z
    .array(
      z.object({
        id: z.string(),
        name: z.string(),
        url: z.string(),
      }),
    )
    .max(backendsMax),
});

/** A list that is not empty, and all of whose addresses are. */
export interface AnsweredList {
  readonly backends: Backends;
  readonly servers: readonly KeptServer[];
}

/** The first good list. The error says in one line why nobody gave one. */
export async function askForList(
  asked: readonly Backend[],
  how: Pick<Question, "authority" | "token" | "clock" | "signal">,
): Promise<Result<AnsweredList, string>> {
  let lastError = "there is nobody to ask";
  for (const backend of asked) {
    if (how.signal.aborted) break;
    const answer = await ask({
      ...how,
      backend,
      path: "/v1/servers",
      timeoutMs: answerTimeoutMs,
    });
    const list = answer.ok ? listOf(answer.value) : answer;
    if (list.ok) return list;
    lastError = `${backend.address}: ${list.error}`;
  }
  return err(lastError);
}

function listOf({ status, text }: Answer): Result<AnsweredList, string> {
  if (status === 401 || status === 403) {
    return err(`it answered ${status}: give a token that may list servers with --token-file`);
  }
  if (status !== 200) return err(`it answered ${status}`);
  const parsed = listSchema.safeParse(jsonOf(text));
  if (!parsed.success) return err("its answer is no list of servers");
  const servers = parsed.data.items;
  const backends = backendsOf(servers);
  return backends.ok ? ok({ backends: backends.value, servers }) : backends;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema says that it is none
  }
}
