/** Connections that are open while certificates change under them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, get } from "node:https";
import { TLSSocket } from "node:tls";
import type { Client } from "../../../src/client/client.ts";
import type { TestServer } from "../../support/control-plane.ts";

/** Follows a watch until it is told to end; "went on" when nothing broke it before. */
export async function watchUntil(client: Client, signal: AbortSignal): Promise<string> {
  for await (const update of client.watch({ kinds: ["service"], signal })) {
    if (!update.ok) return update.error.message;
    if (update.value.kind === "lost") return "it was lost";
    if (signal.aborted) break;
  }
  return "went on";
}

/** One connection to a server's API. */
export interface OpenConnection {
  /** Asks something over it: the serial of the certificate that was shown when it was opened. */
  ask(): Promise<string>;
  close(): void;
}

/** A connection that is used again and again; every request proves that it is still the first one. */
export function openConnection(server: TestServer, authorityPem: string): OpenConnection {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authorityPem });
  let first: TLSSocket | undefined;
  return {
    async ask() {
      const request = get(`${server.url}/livez`, { agent });
      const [response] = await once(request, "response");
      const { socket } = request;
      assert.ok(socket instanceof TLSSocket);
      first ??= socket;
      assert.ok(socket === first, "it is the same connection");
      const serial = socket.getPeerCertificate().serialNumber.toLowerCase();
      response.resume();
      await once(response, "end");
      assert.equal(response.statusCode, 200);
      return serial;
    },
    close: () => agent.destroy(),
  };
}
