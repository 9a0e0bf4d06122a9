/** Opens a TCP connection and closes it again: being accepted passes. */
import { connect } from "node:net";
import type { HealthCheck } from "./health-check.ts";

/** A check that connects to `host` (a name or an address) and `port`. */
export function tcpCheck(host: string, port: number): HealthCheck {
  const target = `TCP connection to ${host}:${port}`;
  return (signal) =>
    new Promise((resolve) => {
      const socket = connect({ host, port });
      const finish = (passed: boolean, detail: string): void => {
        signal.removeEventListener("abort", onAbort);
        socket.destroy();
        resolve({ passed, detail });
      };
      const onAbort = (): void => finish(false, `${target} was not accepted in time`);
      signal.addEventListener("abort", onAbort, { once: true });
      socket.once("connect", () => finish(true, `${target} was accepted`));
      socket.once("error", (error) => finish(false, `${target} failed: ${error.message}`));
      if (signal.aborted) onAbort();
    });
}
