/** Starts launchers again that have ended, as systemd does: one whose server is killed soon after its start ends with it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { TestServer } from "../../support/control-plane.ts";

const lookEveryMs = 200;

/** Begins; the function ends it. */
export function supervise(servers: readonly TestServer[]): () => Promise<void> {
  let isOver = false;
  const look = async (): Promise<void> => {
    while (!isOver) {
      for (const server of servers) {
        const launcher = server.process;
        if (launcher?.exitCode !== null || launcher.signalCode !== null) server.start();
      }
      await sleep(lookEveryMs);
    }
  };
  const looking = look();
  return async () => {
    isOver = true;
    await looking;
  };
}
