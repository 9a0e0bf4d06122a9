/**
 * Carries out what a person says, and lets virtual time run as fast as they chose. Whoever shows it calls `advance`
 * with the real time that has passed, and draws the view.
 */
import { assertNever } from "../../core/assert.ts";
import { type Explanation, explainService, type WhyInput } from "../../core/explain/why.ts";
import type { ServiceId } from "../../core/ids.ts";
import { whyInputOf } from "../../core/manager/why-input.ts";
import type { Action, Plan } from "../plan.ts";
import type { PlayCommand, PlayNames } from "./command.ts";
import { deedText } from "./deed-text.ts";
import type { PlayEvent } from "./event.ts";
import { objectionTo } from "./objection.ts";
import { PlaySession } from "./session.ts";
import { type ClusterView, clusterViewOf } from "./view.ts";
import { writeInstant } from "./write-instant.ts";

/** Speeds that one goes through step by step: virtual time per real time. */
export const speeds: readonly number[] = [1, 2, 5, 10, 60];
const speedMin = 0.1;
const speedMax = 1_000;
/** Longest time that one command may let pass. */
const runMsMax = 24 * 3_600_000;

/** What a command led to. */
export type Answer =
  | { readonly kind: "done" | "already" | "refused"; readonly sentence: string }
  /** The cluster was taken back in time: what was shown of later moments no longer holds. */
  | { readonly kind: "back"; readonly sentence: string }
  | { readonly kind: "why"; readonly explanation: Explanation }
  /** The caller writes it where files are. */
  | { readonly kind: "save"; readonly file: string; readonly plan: Plan }
  | { readonly kind: "show" | "help" | "quit" };

/** A session with a tempo. */
export class Player {
  readonly #session: PlaySession;
  #speed = 1;
  #paused = true;
  #toldCount = 0;

  /** Time stands still at first. */
  constructor(plan: Plan) {
    this.#session = new PlaySession(plan);
  }

  get session(): PlaySession {
    return this.#session;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Virtual time per real time. */
  get speed(): number {
    return this.#speed;
  }

  get view(): ClusterView {
    return clusterViewOf(this.#session);
  }

  get names(): PlayNames {
    const { world } = this.#session;
    return {
      nodes: world.plan.nodes.map(({ node }) => node),
      services: world.services().map(({ config }) => config.id),
    };
  }

  /** What the manager knows about a service now; undefined: there is no manager. */
  whyOf(service: ServiceId): WhyInput | undefined {
    const manager = this.#session.world.managers().find(({ state }) => state?.loaded === true);
    return manager?.state === undefined ? undefined : whyInputOf(manager.state, service);
  }

  /** Events that were not taken yet, oldest first. */
  takeEvents(): readonly PlayEvent[] {
    const { events, eventCount } = this.#session;
    const newCount = Math.min(eventCount - this.#toldCount, events.length);
    this.#toldCount = eventCount;
    return newCount <= 0 ? [] : events.slice(-newCount);
  }

  /** Real time has passed. At its end the session stands still. */
  advance(realMs: number): void {
    if (this.#paused) return;
    this.#session.runTo(this.#session.nowMs + realMs * this.#speed);
    if (this.#session.nowMs >= this.#session.endMs) this.#paused = true;
  }

  /** Carries out one command. */
  execute(command: PlayCommand): Answer {
    switch (command.kind) {
      case "act":
        return this.#act(command.action);
      case "crash-manager":
        return this.#crashManager();
      case "run":
        return this.#run(command.forMs);
      case "next":
        return this.#next();
      case "back":
        return this.#back(() =>
          this.#session.backTo(Math.max(0, this.#session.nowMs - command.byMs)),
        );
      case "undo":
        return this.#back(() => this.#session.backBeforeLastEvent());
      case "pause":
      case "go":
        return this.#setPaused(command.kind === "pause");
      case "speed":
        return this.#setSpeed(command.factor);
      case "why":
        return this.#why(command.service);
      case "save":
        return { kind: "save", file: command.file, plan: this.#session.toPlan() };
      case "show":
      case "help":
      case "quit":
        return { kind: command.kind };
      default:
        return assertNever(command);
    }
  }

  #act(action: Action): Answer {
    const objection = objectionTo(action, this.view);
    if (objection !== undefined) return objection;
    const toldMs = this.#toldCount === this.#session.eventCount ? this.#session.nowMs : undefined;
    const outcome = this.#session.act(action);
    if (outcome === "full") return refused("the session is full: save it, and begin a new one");
    if (toldMs !== undefined) this.#toldCount = this.#countUpTo(toldMs);
    return { kind: "done", sentence: deedText(action) };
  }

  /** After a replay the events up to a moment are the same as before. */
  #countUpTo(atMs: number): number {
    const { events, eventCount } = this.#session;
    return eventCount - events.filter((event) => event.atMs > atMs).length;
  }

  #crashManager(): Answer {
    const [node] = this.view.managers;
    if (node === undefined) return refused("no server is manager now");
    return this.#act({ kind: "crash", part: "server", node, restartAfterMs: 2_000 });
  }

  #run(forMs: number): Answer {
    if (forMs <= 0) return refused("say for how long, e.g. run 20s");
    if (forMs > runMsMax) return refused("24h is the longest that time can run at once");
    const { nowMs, endMs } = this.#session;
    if (nowMs >= endMs)
      return refused(`the session ends at ${writeInstant(endMs)}; go back, or begin anew`);
    this.#session.runTo(nowMs + forMs);
    return done(`it is ${writeInstant(this.#session.nowMs)}`);
  }

  #next(): Answer {
    this.#paused = true;
    if (this.#session.runToNextEvent()) return done(`it is ${writeInstant(this.#session.nowMs)}`);
    return done(`nothing happened until ${writeInstant(this.#session.nowMs)}`);
  }

  #back(goBack: () => void): Answer {
    this.#paused = true;
    if (this.#session.nowMs === 0) return refused("this is the beginning");
    goBack();
    this.#toldCount = this.#session.eventCount;
    const { laterDeedCount: count, nowMs } = this.#session;
    const later =
      count === 0
        ? ""
        : `; what you did later (${count}) happens again when time runs on, unless you do something else`;
    return { kind: "back", sentence: `back at ${writeInstant(nowMs)}${later}` };
  }

  #setPaused(paused: boolean): Answer {
    this.#paused = paused;
    return done(paused ? "time stands still" : `time runs ${this.#speed} times as fast as yours`);
  }

  #setSpeed(factor: number): Answer {
    if (factor < speedMin || factor > speedMax) {
      return refused(`a speed lies between ${speedMin} and ${speedMax}`);
    }
    this.#speed = factor;
    return done(`time runs ${factor} times as fast as yours`);
  }

  #why(service: ServiceId): Answer {
    const input = this.whyOf(service);
    if (input === undefined) {
      return refused("no server is manager now, so nobody decides about it");
    }
    return { kind: "why", explanation: explainService(input) };
  }
}

function done(sentence: string): Answer {
  return { kind: "done", sentence };
}

function refused(sentence: string): Answer {
  return { kind: "refused", sentence };
}
