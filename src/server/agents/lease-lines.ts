/** Answers the lease requests that an agent sends as lines over the stream of its instructions. */
import type { Readable } from "node:stream";
import type { NodeId } from "../../core/ids.ts";
import {
  agentLineLengthMax,
  agentLineSchema,
  type LeaseAnswerMessage,
} from "../../wire/agent-protocol.ts";
import type { ServerContext } from "../context.ts";
import type { SseStream } from "../http/sse.ts";
import { takeLease } from "./leases.ts";

export interface AgentLines {
  /** Whose lease it is about. */
  readonly node: NodeId;
  readonly lines: Readable;
  /** Takes the answers, and ends where a line is not what it should be. */
  readonly stream: SseStream;
}

/** Requests that wait for those before them; an agent that does not wait for answers loses its stream. */
const waitingMax = 16;

/** Answers one line after the other until the stream ends. */
export function answerLines(context: ServerContext, { node, lines, stream }: AgentLines): void {
  const waiting: string[] = [];
  let rest = "";
  let isAnswering = false;

  const refuse = (why: string): void => {
    if (stream.closed) return;
    context.log.write("warn", `the stream of node "${node}" is ended: ${why}`);
    stream.close();
  };

  async function answerAll(): Promise<void> {
    isAnswering = true;
    try {
      for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
        if (stream.closed) return;
        const parsed = agentLineSchema.safeParse(jsonOf(line));
        if (!parsed.success) return refuse("it sent a line that is none of the protocol's");
        const { id, lease } = parsed.data;
        const taken = await takeLease(context, node, lease);
        const [status, body] = taken.ok ? [200, taken.value] : [taken.error.status, taken.error];
        const data: LeaseAnswerMessage = { kind: "lease-answer", id, status, body };
        stream.send({ event: data.kind, data });
      }
    } catch (error) {
      context.log.write("error", `bug while answering: ${String(error)}`, { node });
      refuse("the server has a bug");
    } finally {
      isAnswering = false;
    }
  }

  lines.setEncoding("utf8");
  lines.on("data", (chunk: string) => {
    if (stream.closed) return;
    const whole = (rest + chunk).split("\n");
    rest = whole.pop() ?? "";
    waiting.push(...whole);
    if (rest.length > agentLineLengthMax || waiting.length > waitingMax) {
      refuse("it sends more than it may");
    } else if (!isAnswering) void answerAll();
  });
  lines.on("error", () => undefined); // the connection is gone, and the answer ends with it
}

function jsonOf(line: string): unknown {
  if (line.length > agentLineLengthMax) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // no JSON: the schema refuses it
  }
}
