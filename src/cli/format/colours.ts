/** Colour where a person looks at it: on a terminal, unless NO_COLOR is set. */
import { styleText } from "node:util";
import type { NodeState } from "../../core/model/node.ts";
import type { ManagerState } from "../../core/model/service.ts";
import type { OutputStream } from "../io.ts";
import type { Cell } from "./table.ts";

type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Paints for one output stream; all give the text back as it is where there is no colour. */
export interface Colours {
  paint(style: Style, text: string): string;
  serviceState(state: ManagerState): Cell;
  nodeState(state: NodeState): Cell;
  health(health: string): Cell;
}

const serviceStyles: Readonly<Record<ManagerState, Style>> = {
  queued: "yellow",
  request_start: "yellow",
  request_start_balance: "yellow",
  started: "green",
  request_stop: "yellow",
  stopped: "dim",
  migrate: "yellow",
  relocate: "yellow",
  freeze: "cyan",
  fence: "red",
  recovery: "yellow",
  error: "red",
  ignored: "dim",
};
const nodeStyles: Readonly<Record<NodeState, Style>> = {
  online: "green",
  maintenance: "cyan",
  unknown: "yellow",
  fence: "red",
  gone: "dim",
};
const healthStyles: Readonly<Record<string, Style>> = {
  healthy: "green",
  starting: "yellow",
  unhealthy: "red",
};

/** Decides once for a stream whether there is colour. */
export function coloursOf(
  stream: OutputStream,
  environment: Readonly<Record<string, string | undefined>>,
): Colours {
  const { NO_COLOR: noColour } = environment;
  const coloured = stream.isTTY === true && (noColour === undefined || noColour === "");
  const paint = (style: Style, text: string): string =>
    coloured ? styleText(style, text, { validateStream: false }) : text;
  const cell = (style: Style, text: string): Cell => ({
    text,
    paint: (value) => paint(style, value),
  });
  return {
    paint,
    serviceState: (state) => cell(serviceStyles[state], state),
    nodeState: (state) => cell(nodeStyles[state], state),
    health: (health) => cell(healthStyles[health] ?? "dim", health === "none" ? "-" : health),
  };
}
