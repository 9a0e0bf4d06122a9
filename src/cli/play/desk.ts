/**
 * What a person at a terminal sees and does: which line is selected, what is being typed, what was answered. It knows
 * nothing of terminals: key presses come in, lines of text go out.
 */
import { assertNever } from "../../core/assert.ts";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { Result } from "../../core/result.ts";
import type { Plan } from "../../sim/plan.ts";
import type { PlayCommand } from "../../sim/play/command.ts";
import type { Answer, Player } from "../../sim/play/player.ts";
import type { ClusterView } from "../../sim/play/view.ts";
import { completionsOf, parseCommand } from "../../sim/play/words/parse-command.ts";
import { type KeyContext, type KeyDeed, keyBindings } from "./key-bindings-table.ts";
import { type KeyPress, namesOf } from "./key-press.ts";
import { LineEditor } from "./line-editor.ts";

/** What is shown besides the cluster. */
export type Panel =
  | { readonly kind: "none" }
  | { readonly kind: "help"; readonly pageIndex: number }
  /** Asked anew for each picture, as the answer changes with time. */
  | { readonly kind: "why"; readonly service: ServiceId };

/** What the keys do now. */
export type Mode =
  | { readonly kind: "keys" }
  | { readonly kind: "typing" }
  | {
      readonly kind: "choosing";
      readonly by: "migrate" | "relocate";
      readonly service: ServiceId;
    };

export interface Message {
  readonly tone: "plain" | "refused";
  readonly sentence: string;
}

export interface DeskOptions {
  readonly player: Player;
  /** Writes the session to a file; the outcome is a sentence either way. */
  readonly save: (file: string, plan: Plan) => Result<string, string>;
}

/** One person's place in front of a cluster. */
export class Desk {
  readonly line = new LineEditor();
  readonly #options: DeskOptions;
  #mode: Mode = { kind: "keys" };
  #panel: Panel = { kind: "none" };
  #message: Message = { tone: "plain", sentence: "" };
  #selectedIndex = 0;
  #ended = false;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  get player(): Player {
    return this.#options.player;
  }

  get mode(): Mode {
    return this.#mode;
  }

  get panel(): Panel {
    return this.#panel;
  }

  get message(): Message {
    return this.#message;
  }

  /** The person wants to end. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The selected node or service: nodes come first. */
  selectedIn(view: ClusterView): NodeId | ServiceId | undefined {
    const rows = rowsOf(view);
    return rows[Math.min(this.#selectedIndex, rows.length - 1)];
  }

  /** Takes one key press. */
  press(key: KeyPress): void {
    if (key.ctrl && (key.name === "c" || key.name === "d")) {
      this.#ended = true;
      return;
    }
    switch (this.#mode.kind) {
      case "keys":
        this.#pressKey(key);
        return;
      case "typing":
        this.#pressInLine(key);
        return;
      case "choosing":
        this.#choose(this.#mode, key);
        return;
      default:
        assertNever(this.#mode);
    }
  }

  #pressKey(key: KeyPress): void {
    if (key.name === "escape") {
      this.#panel = { kind: "none" };
      return;
    }
    if (this.#panel.kind === "help") {
      const { pageIndex } = this.#panel;
      const turns = key.text === "?";
      this.#panel = turns ? { kind: "help", pageIndex: pageIndex + 1 } : { kind: "none" };
      return;
    }
    const deed = deedOf(key, this.#context());
    if (deed !== undefined) this.#do(deed);
  }

  #context(): KeyContext {
    const { player } = this;
    const { view, paused, speed } = player;
    const selected = this.selectedIn(view);
    return {
      view,
      node: view.nodes.find(({ node }) => node === selected),
      service: view.services.find(({ service }) => service === selected),
      paused,
      speed,
    };
  }

  #do(deed: KeyDeed): void {
    switch (deed.kind) {
      case "command":
        this.#execute(deed.command);
        return;
      case "select":
        this.#select(deed.step);
        return;
      case "type":
        this.line.open();
        this.#mode = { kind: "typing" };
        return;
      case "choose-node":
        this.#mode = { kind: "choosing", by: deed.by, service: deed.service };
        return;
      default:
        assertNever(deed);
    }
  }

  #select(step: 1 | -1): void {
    const count = rowsOf(this.player.view).length;
    this.#selectedIndex = (this.#selectedIndex + step + count) % Math.max(1, count);
  }

  #pressInLine(key: KeyPress): void {
    const { names } = this.player;
    const outcome = this.line.press(key, (line) => completionsOf(line, names));
    if (outcome === "editing") return;
    this.#mode = { kind: "keys" };
    if (outcome === "left") return;
    const command = parseCommand(this.line.text, names);
    if (!command.ok) this.#message = { tone: "refused", sentence: command.error };
    else if (command.value !== undefined) this.#execute(command.value);
  }

  #choose({ by, service }: Extract<Mode, { kind: "choosing" }>, key: KeyPress): void {
    this.#mode = { kind: "keys" };
    const { nodes } = this.player.names;
    const target = nodes[Number(key.text ?? "0") - 1];
    if (target === undefined) {
      this.#message = { tone: "plain", sentence: `${service} stays where it is` };
      return;
    }
    this.#execute({ kind: "act", action: { kind: "move", by, service, target } });
  }

  #execute(command: PlayCommand): void {
    const answer = this.player.execute(command);
    if (answer.kind === "why" && command.kind === "why") {
      this.#panel = { kind: "why", service: command.service };
      this.#message = { tone: "plain", sentence: "Esc goes back to the events" };
      return;
    }
    this.#take(answer);
  }

  #take(answer: Answer): void {
    switch (answer.kind) {
      case "done":
      case "already":
      case "back":
        this.#message = { tone: "plain", sentence: answer.sentence };
        return;
      case "refused":
        this.#message = { tone: "refused", sentence: answer.sentence };
        return;
      case "save": {
        const saved = this.#options.save(answer.file, answer.plan);
        this.#message = saved.ok
          ? { tone: "plain", sentence: saved.value }
          : { tone: "refused", sentence: saved.error };
        return;
      }
      case "help":
        this.#panel = { kind: "help", pageIndex: 0 };
        return;
      case "show":
      case "why":
        this.#panel = { kind: "none" };
        return;
      case "quit":
        this.#ended = true;
        return;
      default:
        assertNever(answer);
    }
  }
}

function rowsOf(view: ClusterView): readonly (NodeId | ServiceId)[] {
  return [...view.nodes.map(({ node }) => node), ...view.services.map(({ service }) => service)];
}

function deedOf(key: KeyPress, context: KeyContext): KeyDeed | undefined {
  const names = namesOf(key);
  for (const { keys, deed } of keyBindings) {
    const found = keys.some((each) => names.includes(each)) ? deed(context) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
