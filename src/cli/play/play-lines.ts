/** Plays commands that come line by line, as from a pipe: nothing waits, and what happens is printed as it happens. */
import type { PlayCommand } from "../../sim/play/command.ts";
import type { Answer, Player } from "../../sim/play/player.ts";
import { parseCommand } from "../../sim/play/words/parse-command.ts";
import { writeInstant } from "../../sim/play/write-instant.ts";
import type { ExitCode } from "../failure.ts";
import type { Session } from "../session.ts";
import { clusterWords, type DrawOptions, drawNodes, drawServices } from "./draw-cluster.ts";
import { drawEvent, drawExplanation } from "./draw-events.ts";
import { drawCommands } from "./draw-help.ts";
import { saveScenario } from "./save-scenario.ts";

/** 0 when all was done, 1 when a safety rule was broken, 2 when a line could not be meant, 5 when something was refused, 130 when interrupted. */
export async function playLines(
  lines: AsyncIterable<string>,
  player: Player,
  session: Session,
): Promise<ExitCode> {
  const reader = new LineReader(player, session);
  for await (const line of lines) {
    if (session.io.signal.aborted) return 130;
    if (reader.take(line) === "end") break;
  }
  if (session.io.signal.aborted) return 130;
  return player.session.violations.length > 0 ? 1 : reader.exitCode;
}

class LineReader {
  readonly #player: Player;
  readonly #session: Session;
  #lineNumber = 0;
  #exitCode: ExitCode = 0;

  constructor(player: Player, session: Session) {
    this.#player = player;
    this.#session = session;
  }

  get exitCode(): ExitCode {
    return this.#exitCode;
  }

  take(line: string): "end" | "more" {
    this.#lineNumber += 1;
    const command = parseCommand(line, this.#player.names);
    if (!command.ok) {
      this.#complain(2, command.error);
      return "more";
    }
    return command.value === undefined ? "more" : this.#execute(command.value);
  }

  #execute(command: PlayCommand): "end" | "more" {
    if (command.kind === "go") {
      this.#complain(5, "nobody watches here, so time runs by: run DURATION, or next");
      return "more";
    }
    const answer = this.#player.execute(command);
    for (const event of this.#player.takeEvents()) {
      const { colours } = this.#session;
      this.#session.printNext(
        event,
        () => `${drawEvent(event, { widthMax: undefined, colours })}\n`,
      );
    }
    this.#tell(answer, command);
    return answer.kind === "quit" ? "end" : "more";
  }

  #tell(answer: Answer, command: PlayCommand): void {
    switch (answer.kind) {
      case "already":
      case "back":
        this.#session.say(answer.sentence);
        return;
      case "done":
        // An event has told of a deed, and of the time.
        if (command.kind === "speed" || command.kind === "pause")
          this.#session.say(answer.sentence);
        return;
      case "refused":
        this.#complain(5, answer.sentence);
        return;
      case "why":
        this.#session.printNext(answer.explanation, () =>
          block(drawExplanation(answer.explanation)),
        );
        return;
      case "show":
        this.#show();
        return;
      case "help":
        this.#session.say(drawCommands().join("\n"));
        return;
      case "save":
        this.#save(answer);
        return;
      case "quit":
        return;
    }
  }

  #show(): void {
    const { view } = this.#player;
    const { colours, io } = this.#session;
    const widthMax = io.stdout.isTTY === true ? io.stdout.columns : undefined;
    const options: DrawOptions = { widthMax, colours, selected: undefined };
    this.#session.printNext(view, () => {
      const head = `${writeInstant(view.atMs)}   ${clusterWords(view)}`;
      return block([head, ...drawNodes(view, options), ...drawServices(view, options)]);
    });
  }

  #save({ file, plan }: Extract<Answer, { kind: "save" }>): void {
    const saved = saveScenario(file, plan);
    if (saved.ok) this.#session.say(saved.value);
    else this.#complain(5, saved.error);
  }

  #complain(code: 2 | 5, sentence: string): void {
    if (this.#exitCode !== 2) this.#exitCode = code;
    this.#session.io.stderr.write(`line ${this.#lineNumber}: ${sentence}\n`);
  }
}

function block(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
