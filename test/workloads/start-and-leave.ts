/**
 * A child of the adoption tests: starts one instance and ends, as an agent does that is killed or restarted.
 * Prints the instance as JSON. Arguments: data directory, containment, `released` or `prepared`, configuration.
 */
import { randomUUID } from "node:crypto";
import { createProcessDriver } from "../../src/adapters/workloads/process/process-driver.ts";
import { clock, createRecorder, serviceId, silentLog } from "./support.ts";

const [dataDirectory = "", containment, until, text = "{}"] = process.argv.slice(2);
const driver = createProcessDriver({
  dataDirectory,
  clock,
  log: silentLog,
  listener: createRecorder(),
  containment: containment === "namespace" ? "namespace" : "tracked",
});
const configuration: unknown = JSON.parse(text);
const prepared = await driver.prepare({
  service: serviceId("process:probe"),
  instanceId: randomUUID(),
  configuration,
  lifelinePath: undefined,
  recovered: false,
  marker: { HOLDFAST_NODE: "node1" },
});
if (!prepared.ok) throw new Error(prepared.error.message);
if (until === "released") {
  const released = await driver.release(prepared.value, configuration);
  if (!released.ok) throw new Error(released.error.message);
}
process.stdout.write(JSON.stringify(prepared.value), () => process.kill(process.pid, "SIGKILL"));
