/**
 * The frames that a command beside a service and its person exchange, in both directions of one long request:
 * a byte for the kind, four for the length (most significant first), then the payload.
 */
import { err, ok, type Result } from "../../core/result.ts";

/** `open` and `end` are JSON, `stdin`, `stdout` and `stderr` are bytes as they come, the others are empty. */
const codes = {
  /** First: what is to be run. */
  open: 1,
  stdin: 2,
  "stdin-end": 3,
  stdout: 4,
  stderr: 5,
  /** Last: what became of it. */
  end: 6,
  /** A sign of life, every `aliveEveryMs`. */
  alive: 7,
} as const;

export type FrameKind = keyof typeof codes;

/** One frame. */
export interface Frame {
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
}

/** Content type of both bodies. */
export const execContentType = "application/vnd.holdfast.exec";
/** Both ends send a sign of life so often. */
export const aliveEveryMs = 2_000;
/** An end that was not heard of for so long, although it was listened to, is gone. */
export const silenceMsMax = 10_000;
/** Largest payload of one frame: long command lines fit in. */
export const payloadBytesMax = 262_144;

const headerBytes = 5;
const kindOfCode = new Map<number, FrameKind>(
  Object.entries(codes).map(([kind, code]) => [code, kind as FrameKind]), // the keys are the kinds
);

/** A frame as bytes. `payload` is at most `payloadBytesMax` long. */
export function encodeFrame(kind: FrameKind, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = new Uint8Array(headerBytes + payload.length);
  bytes[0] = codes[kind];
  new DataView(bytes.buffer).setUint32(1, payload.length);
  bytes.set(payload, headerBytes);
  return bytes;
}

/** Bytes as frames of this kind, however many are needed. */
export function encodeData(kind: "stdin" | "stdout" | "stderr", data: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += payloadBytesMax) {
    frames.push(encodeFrame(kind, data.subarray(at, at + payloadBytesMax)));
  }
  return frames;
}

/** A frame of JSON. */
export function encodeJson(kind: "open" | "end", value: unknown): Uint8Array {
  return encodeFrame(kind, new TextEncoder().encode(JSON.stringify(value)));
}

/** The payload's JSON; undefined: it is none. */
export function jsonOfFrame(frame: Frame): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(frame.payload));
  } catch {
    return undefined; // the schema that it is checked with refuses it
  }
}

/** Puts frames together from bytes as they arrive. */
export interface FrameReader {
  /** The frames that are complete now. The error says what no frame can be; then nothing more may be read. */
  read(bytes: Uint8Array): Result<readonly Frame[], string>;
}

/** Holds at most one frame that is not complete. */
export function createFrameReader(): FrameReader {
  let rest: Uint8Array = new Uint8Array();
  return {
    read(bytes) {
      const all = joined(rest, bytes);
      const view = new DataView(all.buffer, all.byteOffset, all.length);
      const frames: Frame[] = [];
      let at = 0;
      while (all.length - at >= headerBytes) {
        const kind = kindOfCode.get(all[at] ?? 0);
        const length = view.getUint32(at + 1);
        if (kind === undefined) return err(`a frame of the unknown kind ${all[at]}`);
        if (length > payloadBytesMax) return err(`a frame of ${length} bytes is too long`);
        const end = at + headerBytes + length;
        if (end > all.length) break;
        frames.push({ kind, payload: all.subarray(at + headerBytes, end) });
        at = end;
      }
      rest = all.subarray(at);
      return ok(frames);
    },
  };
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
