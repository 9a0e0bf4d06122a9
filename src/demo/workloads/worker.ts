/** The demo's service `process:worker`: says in the shared record file, many times a second, that it lives. */
import { keepRunRecords } from "../run-records.ts";

const service = process.env["HOLDFAST_SERVICE"] ?? "process:worker";
const node = process.env["HOLDFAST_NODE"] ?? "unknown";
const recordPath = process.env["RUN_RECORDS"];
if (recordPath === undefined) {
  console.error("RUN_RECORDS is not set: it names the file to write to");
  process.exit(1);
}

keepRunRecords(recordPath, { service, node });
console.log(`${service} writes to ${recordPath} (${node})`);
const sayEveryMs = 10_000;
setInterval(() => console.log(`${service} is at work on ${node}`), sayEveryMs);
process.once("SIGTERM", () => process.exit(0));
