/**
 * What a server does on its machine because it is manager, or is not any more: programs that it runs, and a floating
 * address that it holds.
 */
import type { Result } from "../core/result.ts";

/** What a server is in its control plane. */
export type OfficeRole = "leader" | "follower";

/** Why a program is run: the server has started, was elected, has lost the office, or stops. */
export type HookOccasion = "start" | "elected" | "lost" | "stop";

/** One run of a hook. */
export interface HookCall {
  readonly role: OfficeRole;
  readonly occasion: HookOccasion;
  /** Store revision of the election that it is about; undefined: there was none in this life. */
  readonly term: number | undefined;
}

/**
 * How a run ended. `called-off`: the office was lost meanwhile, and the program was ended. `not-started`: it could not
 * be, and why.
 */
export type HookOutcome =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "killed"; readonly signal: string }
  | { readonly kind: "timed-out"; readonly afterMs: number }
  | { readonly kind: "called-off" }
  | { readonly kind: "not-started"; readonly because: string };

/** The programs of a server's person. One is run at a time; the caller sees to that. */
export interface HookRunner {
  /** Whether there is a program for becoming this. */
  has(role: OfficeRole): boolean;
  /** Ends what a server that crashed has left running of a hook. Idempotent; call it before the first run. */
  endLeftover(): Promise<void>;
  /** Runs the program to its end, at most for its time limit; when `signal` aborts it is ended. Never rejects. */
  run(call: HookCall, signal: AbortSignal): Promise<HookOutcome>;
}

/** An address of the network that one server holds at a time, and where. */
export interface FloatingAddress {
  /** IPv4 or IPv6, without a prefix. */
  readonly address: string;
  readonly prefixLength: number;
  readonly interface: string;
}

/** Until when the address may be held, in milliseconds of CLOCK_MONOTONIC. */
export interface HoldUntil {
  /** Something that shares nothing with this process takes the address away then. */
  readonly removeAtMs: number;
  /** From then on another server may hold it: nothing here may have it any more (S3). */
  readonly endAtMs: number;
}

/** The address on this machine. It is never held without a deadline. */
export interface AddressHolder {
  readonly place: FloatingAddress;
  /** Why it cannot be held here, with what to do; undefined: nothing is known against it. */
  missing(): Promise<string | undefined>;
  /** Whether no other machine answers for the address now. The error says why nobody could be asked. */
  isFree(): Promise<Result<boolean, string>>;
  /** Adds it and tells the neighbours, or moves the deadline. The error says why it is not held. */
  hold(until: HoldUntil): Promise<Result<void, string>>;
  /** Takes it away. `unknown`: nobody could say that it is gone; the deadline still counts. */
  drop(): Promise<"gone" | "unknown">;
  /** Takes it away and ends what watches over it. Idempotent. */
  close(): Promise<void>;
}
