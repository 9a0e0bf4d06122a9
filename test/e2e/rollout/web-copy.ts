/**
 * The service whose versions roll in the tests. Its version and how it behaves come from the environment; its port is
 * the node's own (`PORT_<node>`), as all nodes of a test share one address. `good` is healthy after STARTS_MS; `sick`
 * answers and never is; `exits` ends at once.
 */
import { createServer, type Server } from "node:http";
import { keepRunRecords } from "../../../src/demo/run-records.ts";

const retryEveryMs = 10;
const retryForMs = 10_000;

const service = process.env["HOLDFAST_SERVICE"] ?? "unknown";
const node = process.env["HOLDFAST_NODE"] ?? "unknown";
const version = process.env["VERSION"] ?? "unknown";
const greeting = process.env["GREETING"] ?? "";
const behaviour = process.env["BEHAVIOUR"] ?? "good";
const startsMs = Number(process.env["STARTS_MS"] ?? "0");
const port = Number(process.env[`PORT_${node}`]);
const address = process.env["ADDRESS"] ?? "127.0.0.1";
const recordPath = process.env["RUN_RECORDS"];

if (recordPath !== undefined) keepRunRecords(recordPath, { service, node });
if (behaviour === "exits") {
  console.error(`version ${version} cannot start`);
  process.exit(4);
}
process.once("SIGTERM", () => process.exit(0));

const startedAtMs = performance.now();
const copy = `${node}/${Date.now()}`;
const server = createServer((_request, response) => {
  const isHealthy = behaviour === "good" && performance.now() - startedAtMs >= startsMs;
  response.statusCode = isHealthy ? 200 : 503;
  response.end(JSON.stringify({ node, version, greeting, copy }));
});
listen(server, performance.now() + retryForMs);

/** An earlier copy's port may not be free yet. */
function listen(target: Server, untilMs: number): void {
  target.once("error", (error) => {
    if (performance.now() > untilMs) throw error;
    setTimeout(() => listen(target, untilMs), retryEveryMs);
  });
  target.listen(port, address, () => target.removeAllListeners("error"));
}
