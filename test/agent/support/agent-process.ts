/** An agent in a process of its own, for tests that kill or stop it: DATA SERVER TOKEN. */
import { startAgent } from "../../../src/agent/start.ts";
import { createSleepDriver } from "./sleep-driver.ts";
import { createTestLog, guardCommand, realClock } from "./tools.ts";

const [dataDirectory = "", server = "", token = ""] = process.argv.slice(2);
const agent = await startAgent({
  dataDirectory,
  servers: [server],
  token,
  clock: realClock,
  log: createTestLog(),
  drivers: (listener) => [createSleepDriver(listener)],
  guardCommand,
  watchdogs: [],
  version: "test",
  properties: {},
});
if (!agent.ok) {
  process.stderr.write(`${agent.error}\n`);
  process.exit(1);
}
const { value } = agent;
process.on("SIGTERM", () => void value.close("leave-running").then(() => process.exit(0)));
process.on("SIGINT", () => void value.close("stop-all").then(() => process.exit(0)));
