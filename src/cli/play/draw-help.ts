/** What can be said and pressed, from the same tables that are obeyed. */
import { type CommandForm, commandForms } from "../../sim/play/words/forms-table.ts";
import { textWidth } from "../format/text-width.ts";
import { keyBindings } from "./key-bindings-table.ts";

const topics: readonly (readonly [CommandForm["topic"], string])[] = [
  ["nodes", "Nodes"],
  ["services", "Services"],
  ["cluster", "Cluster"],
  ["time", "Time"],
  ["session", "Session"],
];

/** All commands by topic, a line each. A name may be shortened as long as only one begins like it. */
export function drawCommands(): readonly string[] {
  const width = Math.max(...commandForms.map(({ pattern }) => textWidth(pattern)));
  return topics.flatMap(([topic, title]) => [
    title,
    ...commandForms
      .filter((form) => form.topic === topic)
      .map(({ pattern, help }) => `  ${pattern.padEnd(width)}  ${help}`),
  ]);
}

/** All keys, a line each. */
export function drawKeys(): readonly string[] {
  return [
    "Keys",
    ...keyBindings.map(({ keys, help }) => `  ${keys.join(" ").padEnd(12)}  ${help}`),
  ];
}
