/**
 * A small HTTPS server that tests can make unready. As a program, with name, port and folder of the certificates as
 * arguments, it is a process that can be stopped and killed; messages of the parent change what it answers.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { TLSSocket } from "node:tls";

/** What a test may change. */
export interface Orders {
  /** What `/readyz` answers. */
  ready?: boolean;
  /** Status and body of `GET /v1/servers`, for whoever brings the token. */
  list?: { status: number; body: string };
}

export interface Self {
  readonly name: string;
  readonly port: number;
  /** Holds member.crt, member.key and ca.crt. */
  readonly folder: string;
  readonly orders: Orders;
}

export const listToken = "token-that-may-list";

if (import.meta.main) {
  const [name = "", port = "", folder = ""] = process.argv.slice(2);
  const orders: Orders = {};
  await openSmallServer({ name, port: Number(port), folder, orders });
  process.on("message", (message: Orders) => {
    Object.assign(orders, message);
    process.send?.("done");
  });
  process.on("disconnect", () => process.exit());
  process.send?.("listens");
}

/** Resolves when it listens. */
export async function openSmallServer(self: Self): Promise<Server> {
  const read = (file: string): string => readFileSync(join(self.folder, file), "utf8");
  const server = createServer({
    cert: read("member.crt"),
    key: read("member.key"),
    ca: read("ca.crt"),
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on("request", (request, response) => answer(self, request, response));
  server.listen(self.port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

function answer(self: Self, request: IncomingMessage, response: ServerResponse): void {
  const { name, orders } = self;
  const { ready = true, list = { status: 404, body: "" } } = orders;
  const { url, socket } = request;
  if (url === "/readyz") {
    const body = ready ? { status: "ok" } : { detail: `${name} is cut off` };
    response.writeHead(ready ? 200 : 503).end(JSON.stringify(body));
  } else if (url === "/v1/servers") {
    const isAllowed = request.headers.authorization === `Bearer ${listToken}`;
    response.writeHead(isAllowed ? list.status : 401).end(list.body);
  } else if (url === "/stream") {
    response.writeHead(200);
    const timer = setInterval(() => response.write("tick\n"), 50);
    response.once("close", () => clearInterval(timer));
  } else {
    response.end(JSON.stringify({ name, peer: peerOf(socket) }));
  }
}

/** The common name of a caller's certificate, if its authority is known. */
function peerOf(socket: IncomingMessage["socket"]): string {
  const isKnown = socket instanceof TLSSocket && socket.authorized;
  return isKnown ? String(socket.getPeerCertificate().subject.CN) : "";
}
