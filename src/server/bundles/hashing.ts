/** Reading content piece by piece with its SHA-256: whatever is passed on has been looked at. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { assert } from "../../core/assert.ts";
import type { Clock } from "../../ports/clock.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { chunkBytes, idleMsMax } from "./limits.ts";

/** How a file is read that nobody waits for: so many times longer at rest than at work. */
const restShare = 4;
const workMsMax = 10;

export interface LivelyOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What becomes of the stream when its reader has enough of it before its end. */
  readonly onLeave: "destroy" | "leave";
}

/** The pieces of a stream; one of which nothing comes for a while is destroyed, as at the signal: that is an error. */
export async function* lively(
  source: Readable,
  { clock, signal, onLeave }: LivelyOptions,
): AsyncGenerator<Buffer, void> {
  const giveUp = () => source.destroy(new Error("it was given up"));
  const arm = () =>
    clock.after(idleMsMax, () => {
      source.destroy(new Error(`nothing came for ${idleMsMax / 1_000} s`));
    });
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  let disarm = arm();
  try {
    for await (const piece of source.iterator({ destroyOnReturn: onLeave === "destroy" })) {
      disarm();
      const bytes: unknown = piece;
      assert(Buffer.isBuffer(bytes), "a stream of bytes without an encoding gives buffers");
      yield bytes;
      disarm = arm();
    }
  } finally {
    disarm();
    signal.removeEventListener("abort", giveUp);
  }
}

/**
 * Passes `source` on. Its last piece is held back until all of it has the right hash: whoever reads to the end has
 * the right content, everybody else gets an error. `onDamaged` is told first, also when `source` cannot be read.
 */
export async function* verified(
  source: AsyncIterable<Buffer>,
  expected: { readonly sha256: string; readonly sizeBytes: number },
  onDamaged: () => void,
): AsyncGenerator<Buffer, void> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let held: Buffer | undefined;
  try {
    for await (const piece of source) {
      hash.update(piece);
      sizeBytes += piece.length;
      if (sizeBytes > expected.sizeBytes) break;
      if (held !== undefined) yield held;
      held = piece;
    }
    if (sizeBytes !== expected.sizeBytes || hash.digest("hex") !== expected.sha256) {
      throw new Error(`the content is not that of ${expected.sha256}`);
    }
  } catch (error: unknown) {
    onDamaged();
    throw error;
  }
  if (held !== undefined) yield held;
}

/** The pieces of a file from `fromByte` on. */
export async function* piecesOf(path: string, fromByte = 0): AsyncGenerator<Buffer, void> {
  for await (const piece of createReadStream(path, {
    start: fromByte,
    highWaterMark: chunkBytes,
  })) {
    const bytes: unknown = piece;
    assert(Buffer.isBuffer(bytes), "a file without an encoding gives buffers");
    yield bytes;
  }
}

export interface HashFileOptions {
  /** `slow`: nobody waits for it, so that everything else goes first. */
  readonly pace: "fast" | "slow";
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The running hash of a file's content and its size. Rejects with what the file system says, or when aborted. */
export async function hashFile(
  path: string,
  { pace, clock, signal }: HashFileOptions,
): Promise<{ readonly hash: Hash; readonly sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let sinceMs = clock.monotonicMs();
  for await (const piece of piecesOf(path)) {
    signal.throwIfAborted();
    hash.update(piece);
    sizeBytes += piece.length;
    const workMs = clock.monotonicMs() - sinceMs;
    if (pace === "slow" && workMs >= workMsMax) {
      await pause(clock, workMs * restShare, signal);
      sinceMs = clock.monotonicMs();
    }
  }
  return { hash, sizeBytes };
}
