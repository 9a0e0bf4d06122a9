/** `/v1/services/:id/exec`: a command beside a service, run by the agent of its node. */
import { Readable } from "node:stream";
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { ManagerState } from "../../core/model/service.ts";
import { ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import { faultsOf, lineOfFaults, type Problem, problemOf } from "../../wire/errors.ts";
import {
  createFrameReader,
  execContentType,
  type Frame,
  jsonOfFrame,
} from "../../wire/exec/frames.ts";
import { type ExecRequest, execRequestSchema } from "../../wire/exec/messages.ts";
import { beginExecAnswer, bridgeExec } from "../agents/exec-bridge.ts";
import { change } from "../changes/change.ts";
import { serviceRow } from "../changes/service-changes.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "../http/app.ts";
import { ProblemError, refuse, unwrap } from "../http/problem-error.ts";
import { actorOf } from "../http/scopes.ts";
import { execOpenWithinMs } from "../limits.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { serviceParams } from "./services-routes.ts";

/** So much of a command line is kept in the audit. */
const auditedCharsMax = 200;

/** In these states nothing of a service runs; in the others its agent knows. */
const notRunningIn: ReadonlySet<ManagerState> = new Set<ManagerState>([
  "queued",
  "request_start",
  "stopped",
  "fence",
  "recovery",
]);

/** Adds the route. */
export function execRoutes(app: App, context: ServerContext): void {
  app.register(async (scope) => {
    scope.addContentTypeParser(execContentType, (_request, payload, done) => {
      done(null, payload);
    });
    execRoute(scope, context);
  });
}

function execRoute(app: App, context: ServerContext): void {
  app.post(
    "/v1/services/:id/exec",
    { config: { stream: true }, schema: { params: serviceParams } },
    async (request, reply) => {
      const service = request.params.id;
      const input: unknown = request.body;
      if (!(input instanceof Readable)) {
        throw new ProblemError(problemOf("not-supported", `send frames as ${execContentType}`));
      }
      const opened = unwrap(await readOpen(input, context.clock));
      let node: NodeId | undefined;
      const tables = await change(context, actorOf(request), (facts) => {
        const place = placeOf(facts, service);
        if (!place.ok) return place;
        node = place.value;
        const detail = `on ${node}: ${lineOf(opened.request.command)}`;
        return ok({ compare: [], operations: [], action: "exec", subject: service, detail });
      });
      unwrap(tables);
      if (node === undefined) return reply;
      const agent = unwrap(
        await context.relays.execs.ask(node, (requestId) => {
          return { kind: "exec-request", requestId, service };
        }),
      );
      reply.hijack();
      beginExecAnswer(reply.raw);
      const bridge = bridgeExec({
        person: { input, output: reply.raw },
        begun: opened.bytes,
        agent,
        whenLost: `the agent of node "${node}" was lost, or this server ends; the command ends too`,
        clock: context.clock,
      });
      request.standing?.onLost(({ detail }) => bridge.end(`${detail}; the command ends too`));
      return reply;
    },
  );
}

/** The node that the service runs on. */
function placeOf(tables: ViewTables, service: ServiceId): Result<NodeId, Problem> {
  const row = serviceRow(tables, service);
  if (!row.ok) return row;
  const status = tables.statuses.get(service)?.value;
  if (status?.node === undefined) return refuse("refused", `service "${service}" has no node yet`);
  if (notRunningIn.has(status.state)) {
    return refuse(
      "refused",
      `service "${service}" does not run on "${status.node}" now: its state is ${status.state}`,
    );
  }
  return ok(status.node);
}

function lineOf(command: readonly string[]): string {
  const line = command.map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : JSON.stringify(word)));
  const text = line.join(" ");
  return text.length > auditedCharsMax ? `${text.slice(0, auditedCharsMax)}...` : text;
}

interface Opened {
  readonly request: ExecRequest;
  /** All that was read, to be passed on. */
  readonly bytes: Uint8Array;
}

/** Reads the body up to its first frame, and no further. */
async function readOpen(input: Readable, clock: Clock): Promise<Result<Opened, Problem>> {
  const read = await readFirst(input, clock);
  if (!read.ok) return read;
  const { frame, bytes } = read.value;
  if (frame.kind !== "open") {
    return refuse("bad-input", `the first frame is "${frame.kind}" and must be "open"`);
  }
  const request = execRequestSchema.safeParse(jsonOfFrame(frame));
  if (request.success) return ok({ request: request.data, bytes });
  const { error } = request;
  return { ok: false, error: problemOf("bad-input", lineOfFaults(error), faultsOf(error)) };
}

interface First {
  readonly frame: Frame;
  readonly bytes: Uint8Array;
}

function readFirst(input: Readable, clock: Clock): Promise<Result<First, Problem>> {
  return new Promise((resolve) => {
    const reader = createFrameReader();
    const chunks: Buffer[] = [];
    const finish = (result: Result<First, Problem>): void => {
      cancel();
      input.off("data", take);
      input.off("close", fail);
      input.off("error", fail);
      input.pause();
      resolve(result);
    };
    const fail = (): void => finish(refuse("bad-input", "the request has no whole first frame"));
    const cancel = clock.after(execOpenWithinMs, fail);
    const take = (chunk: Buffer): void => {
      chunks.push(chunk);
      const frames = reader.read(chunk);
      if (!frames.ok) finish(refuse("bad-input", `the request holds ${frames.error}`));
      else if (frames.value[0] !== undefined) {
        finish(ok({ frame: frames.value[0], bytes: Buffer.concat(chunks) }));
      }
    };
    input.on("data", take);
    input.on("close", fail);
    input.on("error", fail);
  });
}
