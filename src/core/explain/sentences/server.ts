/** Sentences about the servers of the control plane. */
import { assertNever } from "../../assert.ts";
import type { Reason } from "../reason.ts";
import { spanOf } from "./words.ts";

/** Reasons that are about one server. */
export const serverCodes = [
  "server-lost",
  "server-back",
  "server-purged",
  "server-removed",
  "server-not-removed",
  "office-hook",
] as const;
export type ServerReason = Extract<Reason, { code: (typeof serverCodes)[number] }>;

/** The sentence, without a full stop. */
export function sentenceAboutServer(reason: ServerReason): string {
  const server = `server ${reason.server} "${reason.name}"`;
  switch (reason.code) {
    case "server-lost":
      return `${server} is lost: nothing is heard of it any more`;
    case "server-back":
      return `${server} is back`;
    case "server-purged":
      return `${server} was lost for ${spanOf(reason.lostForMs)}: it is taken out of the control plane, and turned away if it comes back`;
    case "server-removed":
      return `${server} was removed by ${reason.by}, and is turned away if it comes back`;
    case "server-not-removed":
      return `${server} stays: ${reason.because}`;
    case "office-hook":
      return `${server} is manager: ${reason.words}`;
    default:
      return assertNever(reason);
  }
}
