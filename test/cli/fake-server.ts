/** A small stand-in for the API on a real port: services, nodes, settings and the watch, held in memory. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { EventResource, NodeResource, ServiceResource } from "../../src/wire/api.ts";
import { type ErrorCode, errorKinds, problemOf } from "../../src/wire/errors.ts";
import { serviceConfigSchema } from "../../src/wire/service-config.ts";
import { settingsSchema, timesOf } from "../../src/wire/settings.ts";

export const adminToken = "hf_test_secret";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly headers: IncomingMessage["headers"];
}

/** Answers a request itself by returning true. */
export type Override = (request: SeenRequest, response: ServerResponse) => boolean;

export class FakeServer {
  readonly services = new Map<string, ServiceResource>();
  readonly nodes = new Map<string, NodeResource>();
  readonly events: EventResource[] = [];
  readonly requests: SeenRequest[] = [];
  readonly streams = new Set<ServerResponse>();
  settings: unknown = { profile: "balanced" };
  revision = 10;
  override: Override | undefined;
  /** Called when somebody begins to watch. */
  onWatch: (() => void) | undefined;
  logText = "";
  #server: Server | undefined;

  get url(): string {
    const address = this.#server?.address();
    return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  async listen(): Promise<this> {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, "127.0.0.1", resolve);
    await promise;
    return this;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server?.close(() => resolve());
    this.#server?.closeAllConnections();
    await promise;
  }

  /** Ends every stream, as a server that restarts does. */
  cutStreams(): void {
    for (const stream of this.streams) stream.destroy();
  }

  putService(config: unknown, changes: Partial<ServiceResource> = {}): ServiceResource {
    const parsed = serviceConfigSchema.parse(config);
    this.revision += 1;
    const service: ServiceResource = {
      id: parsed.id,
      type: "process",
      revision: this.revision,
      config: parsed,
      requested: parsed.state,
      removing: false,
      state: "queued",
      failedNodes: [],
      running: "unknown",
      health: "unknown",
      detail: "",
      applied: true,
      sinceMs: 1_000,
      reason: "it was added",
      ...changes,
    };
    this.services.set(service.id, service);
    this.send("service", service);
    return service;
  }

  /** A change of state, which does not change the configuration's revision. */
  changeService(id: string, changes: Partial<ServiceResource>): void {
    const before = this.services.get(id);
    if (before === undefined) throw new Error(`no ${id}`);
    this.revision += 1;
    const service = { ...before, ...changes };
    this.services.set(id, service);
    this.send("service", service);
  }

  removeService(id: string): void {
    this.services.delete(id);
    this.revision += 1;
    this.send("service-deleted", { id });
  }

  putNode(id: string, changes: Partial<NodeResource> = {}): void {
    this.revision += 1;
    this.nodes.set(id, {
      id,
      revision: this.revision,
      type: "device",
      state: "online",
      epoch: 3,
      leased: true,
      confirmedOffEpoch: 0,
      agentVersion: "0.1.0",
      properties: { rack: "a" },
      maintenance: false,
      mode: "enabled",
      agentMode: "active",
      taints: [],
      services: [],
      sinceMs: 1_000,
      reason: "its agent took its lease",
      ...changes,
    });
  }

  addEvent(subject: string, sentence: string, changes: Partial<EventResource> = {}): void {
    this.revision += 1;
    const event: EventResource = {
      revision: this.revision,
      sequence: String(this.revision).padStart(8, "0"),
      atMs: 1_700_000_000_000 + this.revision,
      kind: "service",
      subject,
      code: "requested",
      sentence,
      ...changes,
    };
    this.events.push(event);
    this.send("event", event);
  }

  send(event: string, data: unknown): void {
    for (const stream of this.streams) {
      stream.write(`event: ${event}\nid: ${this.revision}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "/", "http://x");
    const content = await text(incoming);
    const request: SeenRequest = {
      method: incoming.method ?? "",
      path: url.pathname + url.search,
      body: content === "" ? undefined : JSON.parse(content),
      headers: incoming.headers,
    };
    this.requests.push(request);
    if (this.override?.(request, response) === true) return;
    if (incoming.headers.authorization === undefined) {
      problem(response, "no-token", "none");
      return;
    }
    if (incoming.headers.authorization !== `Bearer ${adminToken}`) {
      problem(response, "bad-token", "the token is not known here");
      return;
    }
    const [, , collection = "", id = "", part = ""] = url.pathname.split("/");
    this.#route(request, response, {
      collection,
      id: decodeURIComponent(id),
      part,
      query: url.searchParams,
    });
  }

  #route(request: SeenRequest, response: ServerResponse, target: Target): void {
    switch (target.collection) {
      case "cluster": {
        json(response, 200, this.#cluster());
        return;
      }
      case "settings": {
        this.#settingsRoute(request, response);
        return;
      }
      case "server-configs": {
        json(response, 200, { items: [] });
        return;
      }
      case "nodes": {
        this.#nodesRoute(request, response, target);
        return;
      }
      case "services": {
        this.#servicesRoute(request, response, target);
        return;
      }
      case "events": {
        json(response, 200, page([...this.events].reverse(), this.revision));
        return;
      }
      case "watch": {
        this.#watchRoute(response, target);
        return;
      }
      default: {
        problem(response, "not-found", `there is no ${request.path}`);
        return;
      }
    }
  }

  #cluster(): unknown {
    const settings = settingsSchema.parse(this.settings);
    return {
      revision: this.revision,
      version: "0.1.0",
      serverId: "server-a",
      manager: "server-a",
      settings,
      times: timesOf(settings),
      arming: { revision: 0, mode: "armed", state: "armed", waitsFor: [] },
      rejectedRules: [],
      nodes: [...this.nodes.values()],
      services: [...this.services.values()],
    };
  }

  #settingsRoute(request: SeenRequest, response: ServerResponse): void {
    if (request.method === "PUT") this.settings = request.body;
    if (request.method === "PATCH") this.settings = merge(this.settings, request.body);
    json(response, 200, settingsSchema.parse(this.settings));
  }

  #nodesRoute(request: SeenRequest, response: ServerResponse, target: Target): void {
    if (target.id === "") {
      json(response, 200, page([...this.nodes.values()], this.revision));
      return;
    }
    const node = this.nodes.get(target.id);
    if (node === undefined) {
      problem(response, "not-found", `there is no node ${target.id}`);
      return;
    }
    if (target.part === "confirm-off" && request.method === "POST")
      this.putNode(target.id, { confirmedOffEpoch: 3 });
    json(response, 200, this.nodes.get(target.id));
  }

  #servicesRoute(request: SeenRequest, response: ServerResponse, target: Target): void {
    if (target.id === "") {
      if (request.method === "GET") {
        json(response, 200, page([...this.services.values()], this.revision));
        return;
      }
      this.#create(request, response);
      return;
    }
    const before = this.services.get(target.id);
    if (before === undefined && request.method !== "PUT") {
      problem(response, "not-found", `there is no service "${target.id}"`);
      return;
    }
    if (target.part === "logs") {
      response.end(this.logText);
      return;
    }
    if (target.part === "why" && before !== undefined) {
      json(response, 200, whyOf(before, this.events));
      return;
    }
    if (target.part === "commands") {
      json(response, 202, { id: "c1" });
      return;
    }
    if (request.method === "GET") {
      json(response, 200, before);
      return;
    }
    const match = request.headers["if-match"];
    if (match !== undefined && match !== `"${before?.revision}"`) {
      problem(response, "changed-meanwhile", `${target.id} is at revision ${before?.revision}`);
      return;
    }
    if (request.headers["if-none-match"] === "*" && before !== undefined) {
      problem(response, "already-exists", `${target.id} exists already`);
      return;
    }
    if (request.method === "DELETE") {
      this.changeService(target.id, { removing: true });
      json(response, 202, this.services.get(target.id));
      return;
    }
    const config = request.method === "PATCH" ? merge(before?.config, request.body) : request.body;
    json(response, 200, this.putService(config, { ...stateOf(before) }));
  }

  #create(request: SeenRequest, response: ServerResponse): void {
    const config = serviceConfigSchema.parse(request.body);
    if (this.services.has(config.id)) {
      problem(response, "already-exists", `${config.id} exists already`);
      return;
    }
    json(response, 201, this.putService(config));
  }

  #watchRoute(response: ServerResponse, target: Target): void {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const after = target.query.get("after");
    this.streams.add(response);
    response.on("close", () => this.streams.delete(response));
    const write = (event: string, data: unknown, id?: number): void => {
      const line = id === undefined ? "" : `id: ${id}\n`;
      response.write(`: comment\nevent: ${event}\n${line}data: ${JSON.stringify(data)}\n\n`);
    };
    const kinds = target.query.get("kinds") ?? "";
    if (after === null && kinds.includes("service")) {
      for (const service of this.services.values()) write("service", service);
    }
    if (after !== null && kinds.includes("event")) {
      for (const event of this.events)
        if (event.revision > Number(after)) write("event", event, event.revision);
    }
    write("ready", {}, this.revision);
    this.onWatch?.();
  }
}

interface Target {
  readonly collection: string;
  readonly id: string;
  readonly part: string;
  readonly query: URLSearchParams;
}

function merge(config: unknown, change: unknown): unknown {
  return { ...Object(config), ...Object(change) };
}

function stateOf(before: ServiceResource | undefined): Partial<ServiceResource> {
  if (before === undefined) return {};
  const { state, running, health, applied, node } = before;
  return { state, running, health, applied, ...(node === undefined ? {} : { node }) };
}

function whyOf(service: ServiceResource, events: readonly EventResource[]): unknown {
  return {
    service: service.id,
    state: service.state,
    summary: `${service.id} is ${service.state}: ${service.reason}`,
    rules: ["api-place: it prefers node1 (priority 2)"],
    nodes: [
      { node: "node1", verdict: "here", sentence: "it runs here" },
      { node: "node2", verdict: "refused", sentence: "it failed to start there" },
    ],
    next: [`holdfast service migrate ${service.id} node2`],
    history: events.filter((event) => event.subject === service.id),
  };
}

function page(items: readonly unknown[], revision: number): unknown {
  return { items, revision };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** Answers with a problem document. */
export function problem(response: ServerResponse, code: ErrorCode, detail: string): void {
  response.writeHead(errorKinds[code].status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify(problemOf(code, detail)));
}
