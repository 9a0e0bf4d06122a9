/**
 * The workload of the tests: says in the shared record file that it lives, answers HTTP when PROBE_PORT is set, and
 * fails at once while PROBE_FAIL_FILE names its node.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { keepRunRecords } from "../../src/demo/run-records.ts";

const service = process.env["HOLDFAST_SERVICE"] ?? "unknown";
const node = process.env["HOLDFAST_NODE"] ?? "unknown";
const recordPath = process.env["RUN_RECORDS"];
const port = process.env["PROBE_PORT"];
const failPath = process.env["PROBE_FAIL_FILE"];

if (recordPath === undefined) throw new Error("RUN_RECORDS is not set");
keepRunRecords(recordPath, { service, node });
if (failPath !== undefined && existsSync(failPath)) {
  const failing = readFileSync(failPath, "utf8").split("\n");
  if (failing.includes("*") || failing.includes(node)) {
    console.error(`the probe was told to fail on ${node}`);
    process.exit(3);
  }
}
if (port !== undefined) {
  const answer = JSON.stringify({ service, node, pid: process.pid });
  createServer((_, response) => response.end(answer)).listen(Number(port), "127.0.0.1");
}
console.log(`probe ${service} runs on ${node}`);
