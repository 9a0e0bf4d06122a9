/** A server that follows the agents' protocol for one node, in memory, with faults that tests switch on. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { type AgentMode, modeOfLeaving } from "../../../src/core/model/node.ts";
import type { ShutdownPolicy } from "../../../src/core/model/settings.ts";
import {
  agentLineSchema,
  agentPaths,
  confirmRequestSchema,
  type Instruction,
  instructionSchema,
  joinRequestSchema,
  type LeaseAnswerMessage,
  leaseRequestSchema,
  modeRequestSchema,
  type ReportRequest,
  releaseRequestSchema,
  reportRequestSchema,
  usageRequestSchema,
} from "../../../src/wire/agent-protocol.ts";
import { realClock } from "./tools.ts";

export interface FakeLease {
  readonly epoch: number;
  readonly leaseId: string;
  readonly incarnation: string;
  renewedAtMs: number;
}

/** By default a lease lasts longer than any test of something else than its end, on however busy a machine. */
export interface FakeServerOptions {
  readonly ttlMs?: number;
  readonly watchdogMs?: number;
  readonly renewEveryMs?: number;
}

export const testToken = "hf_test_token";

export async function createFakeServer(options: FakeServerOptions = {}) {
  const ttlMs = options.ttlMs ?? 30_000;
  const watchdogMs = options.watchdogMs ?? 20_000;
  const renewEveryMs = options.renewEveryMs ?? 150;
  const instructions = new Map<string, Instruction>();
  const streams = new Set<ServerResponse>();
  const control = {
    down: false,
    renewalsDown: false,
    reportsDown: false,
    usagesDown: false,
    /** Lines of the stream are read and not answered. */
    linesDown: false,
    operationsPerNode: 4,
    policy: "conditional" as ShutdownPolicy, // one of the words that tests put here
  };
  const record = {
    epoch: 0,
    lease: undefined as FakeLease | undefined, // the type of what it will hold
    reports: [] as ReportRequest[],
    refusedReports: [] as ReportRequest[],
    confirmations: [] as string[],
    releases: [] as { epoch: number; atMs: number }[],
    uploads: new Map<string, string>(),
    joins: [] as ReturnType<typeof joinRequestSchema.parse>[],
    modes: [] as { mode: AgentMode; kind: string; epoch: number }[],
    usages: [] as ReturnType<typeof usageRequestSchema.parse>["usages"],
    renewalCount: 0,
    /** Lease requests that came over the stream of instructions. */
    lineCount: 0,
  };

  function liveLease(): FakeLease | undefined {
    const { lease } = record;
    if (lease !== undefined && realClock.monotonicMs() - lease.renewedAtMs >= ttlMs) {
      record.lease = undefined;
    }
    return record.lease;
  }

  function lease(body: unknown): Answer {
    const request = leaseRequestSchema.parse(body);
    const current = liveLease();
    if (request.renew !== undefined) {
      if (control.renewalsDown) return problem(503, "unavailable");
      const same =
        current?.epoch === request.renew.epoch && current.leaseId === request.renew.leaseId;
      if (!same || current.incarnation !== request.incarnation) return problem(409, "stale-epoch");
      current.renewedAtMs = realClock.monotonicMs();
      record.renewalCount += 1;
    } else {
      if (current !== undefined) return problem(409, "conflict");
      record.epoch += 1;
      const { incarnation } = request;
      const renewedAtMs = realClock.monotonicMs();
      const leaseId = `lease-${record.epoch}`;
      record.lease = { epoch: record.epoch, leaseId, incarnation, renewedAtMs };
    }
    const { operationsPerNode } = control;
    const { epoch, leaseId } = record.lease ?? { epoch: 0, leaseId: "" };
    return {
      status: 200,
      body: { epoch, leaseId, ttlMs, watchdogMs, renewEveryMs, operationsPerNode },
    };
  }

  function mode(body: unknown): Answer {
    const { kind, epoch } = modeRequestSchema.parse(body);
    if (liveLease()?.epoch !== epoch) return problem(409, "stale-epoch");
    const cluster = { policy: control.policy, inMaintenance: false };
    const mode = kind === "active" ? kind : modeOfLeaving(kind, cluster);
    record.modes.push({ mode, kind, epoch });
    return { status: 200, body: { mode } };
  }

  function usage(body: unknown): Answer {
    const { epoch, usages } = usageRequestSchema.parse(body);
    if (control.usagesDown) return problem(503, "unavailable");
    if (liveLease()?.epoch !== epoch) return problem(409, "stale-epoch");
    record.usages.push(...usages);
    return { status: 204, body: {} };
  }

  function report(body: unknown): Answer {
    const request = reportRequestSchema.parse(body);
    if (control.reportsDown) return problem(503, "unavailable");
    const isCurrent =
      liveLease()?.epoch === request.epoch &&
      instructions.get(request.service)?.uid === request.uid;
    (isCurrent ? record.reports : record.refusedReports).push(body as ReportRequest); // just parsed
    return isCurrent ? { status: 200, body: {} } : problem(409, "stale-epoch");
  }

  function confirm(body: unknown): Answer {
    const request = confirmRequestSchema.parse(body);
    record.confirmations.push(request.uid);
    const instruction = instructions.get(request.service);
    const current =
      instruction?.uid === request.uid &&
      instruction.nodeEpoch === request.epoch &&
      liveLease()?.epoch === request.epoch;
    return { status: 200, body: { current } };
  }

  function release(body: unknown): Answer {
    const request = releaseRequestSchema.parse(body);
    record.releases.push({ epoch: request.epoch, atMs: realClock.monotonicMs() });
    if (liveLease()?.epoch === request.epoch) record.lease = undefined;
    return { status: 200, body: {} };
  }

  function answer(path: string, body: unknown): Answer {
    if (path === "/v1/agent/lease") return lease(body);
    if (path === "/v1/agent/report") return report(body);
    if (path === "/v1/agent/confirm") return confirm(body);
    if (path === "/v1/agent/release") return release(body);
    if (path === "/v1/agent/mode") return mode(body);
    if (path === "/v1/agent/usage") return usage(body);
    if (path !== "/v1/agent/join") return problem(404, "not-found");
    record.joins.push(joinRequestSchema.parse(body));
    return { status: 200, body: { node: "node1", serverVersion: "test" } };
  }

  async function answerLines(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      for await (const line of createInterface({ input: request })) {
        if (control.down) request.destroy();
        const { id, lease: asked } = agentLineSchema.parse(JSON.parse(line));
        record.lineCount += 1;
        if (control.linesDown) continue;
        const answered: LeaseAnswerMessage = { kind: "lease-answer", id, ...lease(asked) };
        if (!response.destroyed) send(response, answered);
      }
    } catch {
      // the stream is over
    }
  }

  function send(response: ServerResponse, message: { readonly kind: string }): void {
    response.write(`event: ${message.kind}\ndata: ${JSON.stringify(message)}\n\n`);
  }

  function tell(message: { readonly kind: string }): void {
    for (const stream of streams) send(stream, message);
  }

  const server = createServer((request, response) => {
    void serve(request, response);
  });

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (control.down) {
      request.destroy();
      return;
    }
    if (request.headers.authorization !== `Bearer ${testToken}`) {
      respond(response, problem(401, "bad-token"));
      return;
    }
    const path = request.url ?? "";
    if (path === agentPaths.instructions) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      streams.add(response);
      response.on("close", () => streams.delete(response));
      send(
        response,
        Object.assign({ kind: "snapshot" }, { instructions: [...instructions.values()] }),
      );
      await answerLines(request, response);
      return;
    }
    let text = "";
    for await (const chunk of request) text += String(chunk);
    if (path.startsWith("/v1/agent/logs/")) {
      record.uploads.set(path.slice(15), text);
      respond(response, { status: 200, body: {} });
    } else if (control.down) request.destroy();
    else respond(response, answer(path, JSON.parse(text)));
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  return {
    url: `http://127.0.0.1:${port}`,
    record,
    control,
    liveLease,
    ttlMs,
    watchdogMs,
    /** Stores an instruction and tells it; `state` and uid are what tests vary. */
    instruct(service: string, uid: string, more: Partial<Instruction> = {}): Instruction {
      const instruction = instructionSchema.parse({
        service,
        uid,
        state: "started",
        node: "node1",
        nodeEpoch: record.epoch,
        survivesIsolation: false,
        configRevision: 1,
        config: {
          id: service,
          process: { command: "/bin/sleep", arguments: ["1000"], restart: { delayMs: 20 } },
        },
        ...more,
      });
      instructions.set(service, instruction);
      tell(Object.assign({ kind: "instruction" }, { instruction }));
      return instruction;
    },
    remove(service: string): void {
      instructions.delete(service);
      tell(Object.assign({ kind: "gone" }, { service }));
    },
    tell,
    dropStreams(): void {
      for (const stream of streams) stream.destroy();
    },
    setDown(down: boolean): void {
      control.down = down;
      if (down) server.closeAllConnections();
    },
    hasReport: (uid: string, result: string) =>
      record.reports.find((each) => each.uid === uid && each.result === result),
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type FakeServer = Awaited<ReturnType<typeof createFakeServer>>;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

function problem(status: number, code: string): Answer {
  return { status, body: { code, detail: `the test server says ${code}` } };
}

function respond(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, { "content-type": "application/json" });
  response.end(answer.status === 204 ? undefined : JSON.stringify(answer.body));
}
