/** Sends a service's output to the server that asked for it, for as long as that server reads. */

import { once } from "node:events";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import type { ServiceId } from "../../core/ids.ts";
import type { Log } from "../../ports/log.ts";
import type { WorkloadDriver } from "../../ports/workload.ts";
import { agentPaths } from "../../wire/agent-protocol.ts";
import { openRequest } from "./http.ts";
import type { Servers } from "./servers.ts";

export interface LogUploadRequest {
  readonly requestId: string;
  readonly service: ServiceId;
  readonly linesMax: number;
  readonly follow: boolean;
}

export interface LogUploads {
  /** Begins one, unless too many go on. */
  begin(request: LogUploadRequest, driver: WorkloadDriver, server: string): Promise<void>;
}

const uploadCountMax = 16;
const connectTimeoutMs = 10_000;

export function createLogUploads(servers: Servers, log: Log): LogUploads {
  let count = 0;
  return {
    async begin(request, driver, server) {
      if (count >= uploadCountMax) {
        log.write("warn", `output of ${request.service} is not sent: ${count} readers already`);
        return;
      }
      count += 1;
      try {
        await upload(servers, request, driver, server);
      } catch (error: unknown) {
        log.write(
          "info",
          `output of ${request.service} was cut off: ${sentenceOfSystemError(error)}`,
        );
      } finally {
        count -= 1;
      }
    },
  };
}

async function upload(
  servers: Servers,
  request: LogUploadRequest,
  driver: WorkloadDriver,
  server: string,
): Promise<void> {
  const controller = new AbortController();
  const signal = AbortSignal.any([controller.signal, servers.signal]);
  const outgoing = openRequest(servers.streams, {
    server,
    path: `${agentPaths.logs}/${encodeURIComponent(request.requestId)}`,
    token: servers.token,
    method: "POST",
    headers: { "content-type": "text/plain; charset=utf-8" },
    signal: servers.signal,
  });
  const connecting = setTimeout(() => controller.abort(), connectTimeoutMs);
  outgoing.on("socket", () => clearTimeout(connecting));
  outgoing.on("error", () => controller.abort());
  outgoing.on("close", () => controller.abort());
  outgoing.on("response", (incoming) => incoming.resume());
  try {
    outgoing.flushHeaders();
    const { linesMax, follow } = request;
    for await (const chunk of driver.readLog(request.service, { linesMax, follow, signal })) {
      if (signal.aborted) break;
      if (!outgoing.write(chunk)) await once(outgoing, "drain", { signal });
    }
  } finally {
    clearTimeout(connecting);
    outgoing.end();
  }
}
