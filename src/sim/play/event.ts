/** What happens, as lines for a person who watches: who or what it is about, and a sentence with the reason. */
import { assertNever } from "../../core/assert.ts";
import type { TraceLine } from "../trace.ts";

/** `deed`: what the person did. `alarm`: something is lost or broken. `work`: what an agent does. */
export type EventTone = "deed" | "decision" | "work" | "node" | "note" | "alarm";

/** One line. */
export interface PlayEvent {
  /** Virtual milliseconds. */
  readonly atMs: number;
  readonly tone: EventTone;
  /** A service, a node, a rule, `cluster` or `you`. */
  readonly about: string;
  readonly sentence: string;
}

/** The event of a trace line; undefined: nothing that a person who sits in front of it need be told. */
export function eventOf(line: TraceLine): PlayEvent | undefined {
  switch (line.kind) {
    case "scenario":
    case "step":
      return undefined;
    case "decision":
      return event(line, "decision", line.service, decisionSentence(line));
    case "action":
      return event(
        line,
        line.phase === "fail" ? "alarm" : "work",
        line.service,
        actionSentence(line),
      );
    case "node": {
      const tone = line.state === "fence" || line.state === "gone" ? "alarm" : "node";
      return event(line, tone, line.node, `${line.state}: ${line.reason}`);
    }
    case "fence-acknowledged":
      return event(
        line,
        "node",
        line.node,
        "fencing acknowledged: none of its services runs any more",
      );
    case "self-fenced":
      return event(line, "alarm", line.node, "its watchdog has reset it");
    case "manager":
      return event(line, "node", line.node, "is manager now");
    case "fleet":
      return event(line, "decision", line.subject, line.sentence);
    case "note":
      return event(line, "note", line.about, line.sentence);
    case "violation":
      return event(line, "alarm", line.rule, `broken: ${line.sentence}`);
    default:
      return assertNever(line);
  }
}

function event(
  line: { readonly t: number },
  tone: EventTone,
  about: string,
  sentence: string,
): PlayEvent {
  return { atMs: Math.round(line.t * 1_000), tone, about, sentence };
}

type LineOf<Kind extends TraceLine["kind"]> = Extract<TraceLine, { readonly kind: Kind }>;

function decisionSentence({ state, node, target, reason }: LineOf<"decision">): string {
  const from = node === undefined ? "" : ` on ${node}`;
  const where = target === undefined ? from : ` ${node} to ${target}`;
  return `${state}${where}: ${reason}`;
}

const phaseWords = { begin: "begins", ok: "done", fail: "failed" } as const;

function actionSentence({ action, phase, node, target, detail }: LineOf<"action">): string {
  const where = target === undefined ? `on ${node}` : `from ${node} to ${target}`;
  const why = detail === undefined || detail === "" ? "" : `: ${detail}`;
  return `${action} ${where} ${phaseWords[phase]}${why}`;
}
