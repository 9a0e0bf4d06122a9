/**
 * Looks for a member that a quorum stands behind: all are asked at once, again and again, and the first one that answers
 * a linearizable read is it. A frozen or unreachable member so costs nobody its time-out.
 */
import type { Clock } from "../../../ports/clock.ts";
import { patienceMsMax, readAttemptMs, retryPauseMs } from "./client-limits.ts";
import type { Connection } from "./connection.ts";
import { linearizableRead } from "./linearizable-read.ts";

/** A member that serves. */
export interface Found {
  readonly url: string;
  readonly connection: Connection;
}

export interface SearchOptions {
  readonly urls: readonly string[];
  /** The one in use: it is asked too, over the connection that it has. */
  readonly used: Connection;
  readonly connect: (url: string) => Connection;
  readonly clock: Clock;
}

export interface Search {
  /** Resolves with undefined when it was ended first. */
  readonly found: Promise<Found | undefined>;
  /** Gives up. Idempotent. */
  end(): void;
}

/** Members are asked this often at first, as an election takes a second; those that are away for long less often. */
const quickTurns = 60;
const slowPauseMs = 500;

/** Begins to look, and does so until it finds one or is ended. */
export function searchMember(options: SearchOptions): Search {
  const { urls, used, connect, clock } = options;
  const { promise: found, resolve } = Promise.withResolvers<Found | undefined>();
  let isOver = false;
  const settle = (outcome: Found | undefined): void => {
    isOver = true;
    resolve(outcome);
  };

  async function askAgainAndAgain(url: string): Promise<void> {
    let kept: Connection | undefined;
    let limitMs = readAttemptMs;
    for (let turn = 0; !isOver; turn += 1) {
      const isUsed = url === used.url && used.isReady;
      const connection = isUsed ? used : (kept ?? connect(url));
      const answer = await linearizableRead(connection, limitMs);
      if (answer.ok && !isOver) {
        settle({ url, connection });
        return;
      }
      // It is there, and its leader may be slow: to ask again in the same way would never be answered.
      const isSlow = connection.isReady && !isOver;
      limitMs = isSlow ? Math.min(limitMs * 2, patienceMsMax) : readAttemptMs;
      kept = isSlow && !isUsed ? connection : undefined;
      if (!isUsed && !isSlow) connection.close();
      if (isOver) return;
      await new Promise<void>((rested) => {
        clock.after(turn < quickTurns ? retryPauseMs : slowPauseMs, rested);
      });
    }
    kept?.close();
  }

  for (const url of urls) void askAgainAndAgain(url);
  return { found, end: () => settle(undefined) };
}
