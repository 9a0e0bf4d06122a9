/** Keeps book on every service of a play: for how long it was away, how often it moved, and what became of it. */
import { compareIds, type NodeId, nodeOfInstance, type ServiceId } from "../../core/ids.ts";
import type { CopyChange } from "../engine/engine.ts";
import type { Action, Plan, TimedAction } from "../plan.ts";
import type { TraceLine } from "../trace.ts";
import type { ServiceFate } from "./story-line.ts";

interface Book {
  isWanted: boolean;
  /** It has run since it was last asked for. */
  hasRun: boolean;
  /** Copies that run, in the order in which they began. */
  readonly running: Map<string, NodeId>;
  awaySinceMs: number | undefined;
  awayMs: number;
  longestAwayMs: number;
  awayCount: number;
  moveCount: number;
  failoverCount: number;
  isRecovered: boolean;
  /** Where it is on its way to. */
  target: NodeId | undefined;
  state: string | undefined;
  reason: string | undefined;
}

/** What a change of a copy means for its service. */
export interface Turn {
  readonly kind: "up" | "down";
  readonly service: ServiceId;
  readonly node: NodeId;
  /** Of `up`: how long it was away. */
  readonly awayMs: number | undefined;
}

export class Fates {
  readonly #books = new Map<ServiceId, Book>();
  readonly #actions: readonly TimedAction[];
  #nextAction = 0;

  constructor(plan: Pick<Plan, "services" | "actions">) {
    this.#actions = plan.actions;
    for (const { id, state } of plan.services) this.#bookOf(id).isWanted = state === "started";
  }

  /** Whether the service is to run, as far as people have said. */
  isWanted(service: ServiceId): boolean {
    return this.#bookOf(service).isWanted;
  }

  /** Takes in what people have said up to `atMs`. */
  advance(atMs: number): void {
    for (;;) {
      const next = this.#actions[this.#nextAction];
      if (next === undefined || next.atMs > atMs) return;
      this.#nextAction += 1;
      this.#takeAction(next.action, next.atMs);
    }
  }

  #takeAction(action: Action, atMs: number): void {
    if (action.kind === "request") this.#want(action.service, action.state === "started", atMs);
    if (action.kind === "stop" || action.kind === "remove") this.#want(action.service, false, atMs);
    if (action.kind === "add") {
      this.#want(action.service.id, action.service.state === "started", atMs);
    }
  }

  #want(service: ServiceId, isWanted: boolean, atMs: number): void {
    const book = this.#bookOf(service);
    if (book.isWanted === isWanted) return;
    book.isWanted = isWanted;
    if (!isWanted) endAbsence(book, atMs);
    book.hasRun = book.running.size > 0;
  }

  /** Takes in a change of a copy; undefined: the service is neither up nor down by it. */
  onCopy({ service, node, instanceId, state }: CopyChange, atMs: number): Turn | undefined {
    const book = this.#bookOf(service);
    const wasUp = book.running.size > 0;
    if (state === "running") book.running.set(instanceId, node);
    else book.running.delete(instanceId);
    const isUp = book.running.size > 0;
    if (wasUp === isUp) return undefined;
    if (isUp) {
      const awayMs = endAbsence(book, atMs);
      book.hasRun = true;
      return { kind: "up", service, node, awayMs };
    }
    if (book.isWanted && book.hasRun) book.awaySinceMs = atMs;
    return { kind: "down", service, node, awayMs: undefined };
  }

  /** Takes in what the manager decides. */
  onTrace(line: TraceLine): void {
    if (line.kind !== "decision") return;
    // Of an instance nobody asks: it is to run for as long as it is there.
    const isInstance = nodeOfInstance(line.service) !== undefined;
    if (isInstance && (line.state === "managed" || line.state === "unmanaged")) {
      this.#want(line.service, line.state === "managed", line.t * 1_000);
    }
    const book = this.#bookOf(line.service);
    const isStarted = line.state === "started";
    if (isStarted && book.target !== undefined && book.target === line.node) book.moveCount += 1;
    if (isStarted && book.isRecovered) book.failoverCount += 1;
    book.isRecovered = line.state === "recovery" || (book.isRecovered && isWaiting(line.state));
    book.target = line.target;
    book.state = line.state;
    book.reason = line.reason;
  }

  /** How all services fared, in order of id. */
  end(atMs: number): readonly ServiceFate[] {
    this.advance(atMs);
    const entries = [...this.#books].sort(([left], [right]) => compareIds(left, right));
    return entries.map(([service, book]) => fateOf(service, book, atMs));
  }

  #bookOf(service: ServiceId): Book {
    const known = this.#books.get(service);
    if (known !== undefined) return known;
    const book = emptyBook();
    this.#books.set(service, book);
    return book;
  }
}

/** On its way from the recovery to the start. */
function isWaiting(state: string): boolean {
  return state === "request_start" || state === "recovery";
}

function emptyBook(): Book {
  return {
    isWanted: false,
    hasRun: false,
    running: new Map(),
    awaySinceMs: undefined,
    awayMs: 0,
    longestAwayMs: 0,
    awayCount: 0,
    moveCount: 0,
    failoverCount: 0,
    isRecovered: false,
    target: undefined,
    state: undefined,
    reason: undefined,
  };
}

/** How long it was; undefined: it was not away. */
function endAbsence(book: Book, atMs: number): number | undefined {
  if (book.awaySinceMs === undefined) return undefined;
  const lastedMs = atMs - book.awaySinceMs;
  book.awaySinceMs = undefined;
  book.awayMs += lastedMs;
  book.awayCount += 1;
  book.longestAwayMs = Math.max(book.longestAwayMs, lastedMs);
  return lastedMs;
}

function fateOf(service: ServiceId, book: Book, atMs: number): ServiceFate {
  const [node] = book.running.values();
  const isDown = book.awaySinceMs !== undefined;
  endAbsence(book, atMs);
  const { awayMs, longestAwayMs, awayCount, moveCount, failoverCount, state, reason } = book;
  const base = { service, awayMs, longestAwayMs, awayCount, moveCount, failoverCount };
  return { ...base, end: endOf(book, node, isDown), node, state, reason, refusals: [] };
}

function endOf(book: Book, node: NodeId | undefined, isDown: boolean): ServiceFate["end"] {
  if (node !== undefined) return "runs";
  if (!book.isWanted) return "off";
  return isDown ? "down" : "never-ran";
}
