/** Lines of the trace as lines of a story. */
import { assertNever } from "../../core/assert.ts";
import type { TraceLine } from "../trace.ts";
import type { StoryLine, Tone } from "./story-line.ts";

type Decision = Extract<TraceLine, { kind: "decision" }>;
type ActionLine = Extract<TraceLine, { kind: "action" }>;
type NodeLine = Extract<TraceLine, { kind: "node" }>;

/** What was last decided on a service. */
export type LastDecision = Pick<Decision, "state" | "node" | "target">;

/**
 * All decisions about one service within a moment, in their order, as one line; `before`: the last one before them.
 * Undefined: nothing to tell.
 */
export function lineOfDecisions(
  decisions: readonly Decision[],
  before: LastDecision | undefined,
): StoryLine | undefined {
  const last = decisions.at(-1);
  if (last === undefined) return undefined;
  const previous = decisions.at(-2) ?? before;
  const wasMoving = previous?.target !== undefined;
  // That it has moved, or runs there, is told by who did it.
  if (wasMoving && last.state === "started" && last.node === previous?.target) return undefined;
  const states = [before?.state, ...decisions.map(({ state }) => state)];
  const stays = wasMoving && last.state === "started" && last.node !== undefined;
  const [tone, text] = stays
    ? ([
        "trouble",
        `${last.node === previous?.node ? "stays on" : "goes to"} ${last.node}`,
      ] as const)
    : textOfDecision(last, states);
  return { tone, subjects: [last.service], text, because: last.reason };
}

function textOfDecision(
  line: Decision,
  states: readonly (string | undefined)[],
): readonly [Tone, string] {
  const { state, node = "its node", target = "another node" } = line;
  switch (state) {
    case "started":
      if (states.includes("recovery")) return ["relief", `is recovered on ${node}`];
      if (states.includes("managed")) return ["plain", `is managed, and to run on ${node}`];
      return ["plain", `is to run on ${node}`];
    case "migrate":
      return ["plain", `moves from ${node} to ${target} while it runs`];
    case "relocate":
      return ["plain", `moves from ${node} to ${target} by stop and start`];
    case "request_start_balance":
      return ["plain", `is to start on ${target} rather than on ${node}`];
    case "managed":
    case "request_start":
      return ["plain", "waits to be started"];
    case "request_stop":
      return ["plain", "is to be stopped"];
    case "stopped":
      return ["plain", "is stopped"];
    case "freeze":
      return ["plain", "is frozen where it is"];
    case "fence":
      return ["trouble", "waits until its node is fenced"];
    case "recovery":
      return ["trouble", "waits for a node that can take it"];
    case "error":
      return ["trouble", "is in error: a person has to disable it to go on"];
    case "unmanaged":
      return ["plain", "is no longer managed"];
    default:
      return ["plain", `is ${state}`];
  }
}

/** What an agent did; undefined: the beginning, or an end that the change of the copy tells. */
export function lineOfAction(line: ActionLine): StoryLine | undefined {
  if (line.phase === "begin") return undefined;
  const { service, action, node } = line;
  const because = line.detail;
  if (line.phase === "fail") {
    const what = action === "move" ? "could not be moved away from" : verbs[action].fail;
    return { tone: "trouble", subjects: [service], text: `${what} ${node}`, because };
  }
  if (action === "migrate") {
    const text = `has moved to ${line.target ?? "its target"}`;
    return { tone: "relief", subjects: [service], text, because };
  }
  return undefined;
}

const verbs = {
  start: { fail: "could not be started on" },
  stop: { fail: "could not be stopped on" },
  migrate: { fail: "could not be moved away from" },
  relocate: { fail: "could not be moved away from" },
} as const;

/** What became of a node within a moment, as one line. */
export function lineOfNode(lines: readonly NodeStep[]): StoryLine | undefined {
  const states = lines.flatMap((line) => (line.kind === "node" ? [line] : []));
  const last = states.at(-1);
  const [first] = lines;
  if (first === undefined) return undefined;
  const subjects = [first.node];
  const fenced = lines.some(({ kind }) => kind === "fence-acknowledged");
  const fencing = states.find(({ state }) => state === "fence");
  if (fenced && last?.state !== "online") {
    const because = fencing?.reason ?? last?.reason;
    return { tone: "trouble", subjects, text: "is lost and fenced", because };
  }
  if (last === undefined) return undefined;
  const [tone, text] = nodeTexts[last.state] ?? (["plain", `is ${last.state}`] as const);
  // That a node is online says all.
  const because = last.state === "online" ? undefined : last.reason;
  return { tone, subjects, text, because };
}

/** What the manager says of a node. */
export type NodeStep = NodeLine | Extract<TraceLine, { kind: "fence-acknowledged" }>;

const nodeTexts: Readonly<Record<string, readonly [Tone, string]>> = {
  online: ["relief", "is online"],
  maintenance: ["plain", "is in maintenance"],
  unknown: ["trouble", "is unknown"],
  fence: ["trouble", "is being fenced"],
  gone: ["trouble", "is gone"],
};

/** Lines that stand for themselves; undefined: told in another way. */
export function lineOfRest(
  line: Exclude<TraceLine, Decision | ActionLine | NodeStep>,
): StoryLine | undefined {
  switch (line.kind) {
    case "scenario":
      return undefined;
    case "step":
      return { tone: "deed", subjects: [], text: line.do, because: undefined };
    case "self-fenced": {
      const text = "was reset by its watchdog: nothing runs there any more";
      return { tone: "trouble", subjects: [line.node], text, because: undefined };
    }
    case "manager":
      return { tone: "aside", subjects: [line.node], text: "is manager now", because: undefined };
    case "note": {
      // Who is named in the sentence need not stand before it as well.
      const subjects = line.sentence.includes(`"${line.about}"`) ? [] : [line.about];
      return { tone: "aside", subjects, text: line.sentence, because: undefined };
    }
    case "fleet":
      return { tone: "plain", subjects: [line.subject], text: line.sentence, because: undefined };
    case "violation": {
      const text = `safety rule ${line.rule} is broken: ${line.sentence}`;
      return { tone: "violation", subjects: [], text, because: undefined };
    }
    default:
      return assertNever(line);
  }
}
