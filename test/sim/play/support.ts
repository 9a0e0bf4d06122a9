/** Plays commands as a person types them. */
import { examplePlan } from "../../../src/sim/play/example.ts";
import { type Answer, Player } from "../../../src/sim/play/player.ts";
import type { NodeView, ServiceView } from "../../../src/sim/play/view.ts";
import { parseCommand } from "../../../src/sim/play/words/parse-command.ts";

/** A player of the example cluster, time standing still. */
export function createPlayer(seed = 1): Player {
  return new Player(examplePlan(seed));
}

/** Carries out one line; fails when it cannot be read. */
export function say(player: Player, line: string): Answer {
  const command = parseCommand(line, player.names);
  if (!command.ok) throw new Error(`"${line}": ${command.error}`);
  if (command.value === undefined) throw new Error(`"${line}" says nothing`);
  return player.execute(command.value);
}

/** Carries out lines one after the other. */
export function sayAll(player: Player, ...lines: readonly string[]): void {
  for (const line of lines) say(player, line);
}

export function nodeOf(player: Player, name: string): NodeView {
  const node = player.view.nodes.find((each) => each.node === name);
  if (node === undefined) throw new Error(`there is no node ${name}`);
  return node;
}

export function serviceOf(player: Player, name: string): ServiceView {
  const service = player.view.services.find((each) => each.service.endsWith(`:${name}`));
  if (service === undefined) throw new Error(`there is no service ${name}`);
  return service;
}

/** All that can be seen at this moment: the picture and how it came to be. */
export function seenBy(player: Player): string {
  return JSON.stringify([player.view, player.session.events]);
}
