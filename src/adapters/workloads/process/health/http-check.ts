/** Asks a URL with GET: a status of 200 to 399 passes. The body is not read, redirects are not followed. */
import type { HealthCheck } from "./health-check.ts";

/** Not imported: an import would also load code for WebSockets, which costs an agent megabytes. */
const http = process.getBuiltinModule("node:http");

/** A check that asks `url`, of scheme `http`. */
export function httpCheck(url: string): HealthCheck {
  return (signal) =>
    new Promise((resolve) => {
      const headers = { connection: "close", "user-agent": "holdfast-health-check" };
      const request = http.get(url, { agent: false, headers, signal }, (response) => {
        const status = response.statusCode ?? 0;
        response.destroy();
        resolve({ passed: status >= 200 && status < 400, detail: `GET ${url} answered ${status}` });
      });
      request.on("error", (error) => {
        const reason = signal.aborted ? "gave no answer in time" : `failed: ${error.message}`;
        resolve({ passed: false, detail: `GET ${url} ${reason}` });
      });
    });
}
