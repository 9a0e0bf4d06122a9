/**
 * The demo's service `process:web`: answers each request with who it is and how many it has answered. Its port is
 * taken from WEB_PORT; while an earlier copy's port is not free yet it tries again.
 */
import { createServer, type Server } from "node:http";
import { keepRunRecords } from "../run-records.ts";

const retryEveryMs = 25;
const retryForMs = 10_000;

const service = process.env["HOLDFAST_SERVICE"] ?? "process:web";
const node = process.env["HOLDFAST_NODE"] ?? "unknown";
const instance = process.env["HOLDFAST_INSTANCE"] ?? "unknown";
const port = Number(process.env["WEB_PORT"] ?? "8080");
const recordPath = process.env["RUN_RECORDS"];

if (recordPath !== undefined) keepRunRecords(recordPath, { service, node });

let answeredCount = 0;
const startedAtMs = Date.now();
const server = createServer((request, response) => {
  if (request.url !== "/health") answeredCount += 1;
  const upForMs = Date.now() - startedAtMs;
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify({ service, node, instance, answeredCount, upForMs })}\n`);
});
server.keepAliveTimeout = 1_000;
listen(server, Date.now() + retryForMs);
process.once("SIGTERM", () => process.exit(0));

function listen(target: Server, untilMs: number): void {
  target.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE" || Date.now() > untilMs) {
      console.error(`cannot listen on 127.0.0.1:${port}: ${error.message}`);
      process.exit(1);
    }
    setTimeout(() => listen(target, untilMs), retryEveryMs);
  });
  target.listen(port, "127.0.0.1", () => {
    target.removeAllListeners("error");
    console.log(`${service} answers on http://127.0.0.1:${port} (${node}, ${instance})`);
  });
}
