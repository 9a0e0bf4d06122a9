/** Watches a play: what was decided about each service, and for how long nobody ran it. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { CopyChange, Observer } from "../engine/engine.ts";
import type { TraceLine } from "../trace.ts";

/** A change of a service's state, with its reason as a sentence. */
export type Decision = Extract<TraceLine, { readonly kind: "decision" }>;

/** One service from the moment on. */
export interface Track {
  /** Where it ran at the moment; undefined: nowhere. */
  readonly before: NodeId | undefined;
  /** Where it ran last; undefined: it never did. */
  readonly lastOn: NodeId | undefined;
  readonly runs: boolean;
  /** How long it did not run, in all, although it had run or was to run again. */
  readonly awayMs: number;
  /** When it last began to run; undefined: it never stopped. */
  readonly backAtMs: number | undefined;
  readonly decisions: readonly Decision[];
}

interface OpenTrack {
  before: NodeId | undefined;
  lastOn: NodeId | undefined;
  readonly copies: Map<string, NodeId>;
  /** Undefined while it runs, and before it first did. */
  awaySinceMs: number | undefined;
  awayMs: number;
  backAtMs: number | undefined;
  decisions: Decision[];
}

/** Records one play. `nowMs` gives the play's time. */
export class Recorder implements Observer {
  readonly #nowMs: () => number;
  readonly #tracks = new Map<ServiceId, OpenTrack>();
  #notes: string[] = [];
  #changedAtMs = 0;
  #deedCount = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** When something was last decided or done. */
  get changedAtMs(): number {
    return this.#changedAtMs;
  }

  /** Decisions about services, and what agents did, since the moment. */
  get deedCount(): number {
    return this.#deedCount;
  }

  /** Services that anything was heard of. */
  services(): Iterable<ServiceId> {
    return this.#tracks.keys();
  }

  /** What was said about the cluster as a whole since the moment. */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /** Now is the moment: what was before does not count any more. */
  begin(): void {
    this.#notes = [];
    this.#deedCount = 0;
    this.#changedAtMs = this.#nowMs();
    for (const track of this.#tracks.values()) {
      track.before = track.copies.size > 0 ? track.lastOn : undefined;
      track.awayMs = 0;
      track.backAtMs = undefined;
      track.decisions = [];
      if (track.awaySinceMs !== undefined) track.awaySinceMs = this.#changedAtMs;
    }
  }

  /** What became of a service; undefined: nothing was ever heard of it. */
  trackOf(service: ServiceId): Track | undefined {
    const track = this.#tracks.get(service);
    return track === undefined ? undefined : { ...track, runs: track.copies.size > 0 };
  }

  onTrace(line: TraceLine): void {
    if (line.kind === "scenario" || line.kind === "manager") return;
    this.#changedAtMs = this.#nowMs();
    if (line.kind === "decision" || line.kind === "action") this.#deedCount += 1;
    if (line.kind === "note" && line.about === "cluster") this.#notes.push(line.sentence);
    if (line.kind === "decision") this.#openTrack(line.service).decisions.push(line);
  }

  onCopy({ service, node, instanceId, state }: CopyChange): void {
    const track = this.#openTrack(service);
    const nowMs = this.#nowMs();
    this.#changedAtMs = nowMs;
    const ran = track.copies.size > 0;
    if (state === "running") {
      track.copies.set(instanceId, node);
      track.lastOn = node;
      if (ran) return;
      if (track.awaySinceMs !== undefined) track.awayMs += nowMs - track.awaySinceMs;
      track.awaySinceMs = undefined;
      track.backAtMs = nowMs;
    } else {
      track.copies.delete(instanceId);
      if (ran && track.copies.size === 0) track.awaySinceMs = nowMs;
    }
  }

  #openTrack(service: ServiceId): OpenTrack {
    const known = this.#tracks.get(service);
    if (known !== undefined) return known;
    const track: OpenTrack = {
      before: undefined,
      lastOn: undefined,
      copies: new Map(),
      awaySinceMs: undefined,
      awayMs: 0,
      backAtMs: undefined,
      decisions: [],
    };
    this.#tracks.set(service, track);
    return track;
  }
}
