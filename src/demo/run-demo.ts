/**
 * `npm start`: a small cluster on this machine that a person can break. All of it lives in one fresh directory
 * and in processes that are ended, and looked for, when the demo ends.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { profiles } from "../core/model/times.ts";
import type { EventResource } from "../wire/api.ts";
import { answered, type DemoCluster, startCluster } from "./cluster.ts";
import {
  type ControlAnswer,
  directoryPrefix,
  listenForOrders,
  type PowerOrder,
} from "./control.ts";
import { claimPort } from "./ports.ts";
import { demoServices } from "./services.ts";
import { askWeb, tellStory } from "./story.ts";
import { waitForStatus, waitUntil } from "./waiting.ts";
import { serviceTable, welcomeLines } from "./welcome.ts";

const nodeNames = ["node1", "node2", "node3"] as const;
const wantedWebPort = 8080;
const servicesForMsMax = 20_000;
/** The whole of `--once`, beyond the lease's time, which is what a failover waits for. */
const onceForMsMax = 60_000;

export interface DemoOptions {
  /** `live`: runs until a signal comes. `once`: tells its story, then ends. */
  readonly mode: "live" | "once";
  readonly profile: "fast" | "balanced" | "patient";
  /** Taken if it is free, else another one. */
  readonly port: number;
  /** `keep`: leave logs and data where they are at the end. */
  readonly files: "remove" | "keep";
  /** The file that holds the program (dist/main.js). */
  readonly mainPath: string;
}

/** Runs the demo to its end; the result is the exit code: 0, or 1 after one line that says what failed. */
export async function runDemo(options: DemoOptions): Promise<0 | 1> {
  const ending = new AbortController();
  const onSignal = (): void => ending.abort(new Error("interrupted"));
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  process.stdout.removeAllListeners("error"); // the program's own would end it with its nodes running
  process.stdout.on("error", onSignal); // whoever read the output has gone
  const forMsMax = onceForMs(options);
  const late = new Error(`not done after ${forMsMax / 1_000} s`);
  const timer = setTimeout(() => ending.abort(late), forMsMax);
  if (options.mode === "live") clearTimeout(timer);
  const directory = mkdtempSync(join(tmpdir(), directoryPrefix));
  try {
    return await runIn(directory, options, ending.signal);
  } catch (error: unknown) {
    const isAsked = options.mode === "live" && ending.signal.aborted;
    if (!isAsked) complain(error);
    return isAsked ? 0 : 1;
  } finally {
    clearTimeout(timer);
    if (options.files === "remove") rmSync(directory, { recursive: true, force: true });
    else say(`files are kept in ${directory}`);
    for (const signal of signals) process.off(signal, onSignal);
  }
}

async function runIn(directory: string, options: DemoOptions, signal: AbortSignal): Promise<0 | 1> {
  const api = await claimPort(options.port);
  const web = await claimPort(wantedWebPort);
  try {
    return await runOn({ port: api.port, webPort: web.port }, directory, options, signal);
  } finally {
    api.letGo();
    web.letGo();
  }
}

interface Ports {
  readonly port: number;
  readonly webPort: number;
}

async function runOn(
  { port, webPort }: Ports,
  directory: string,
  options: DemoOptions,
  signal: AbortSignal,
): Promise<0 | 1> {
  say(
    `Starting one server and ${nodeNames.length} nodes on this machine, profile ${options.profile}`,
  );
  if (port !== options.port) say(`Port ${options.port} is in use: the API is on port ${port}`);
  const program = [process.execPath, ...process.execArgv, options.mainPath];
  const { profile, mainPath } = options;
  const cluster = await startCluster({
    directory,
    program,
    port,
    profile,
    nodes: nodeNames,
    signal,
  });
  const recordPath = join(directory, "run-records.log");
  try {
    for (const service of demoServices({ mainPath, webPort, recordPath })) {
      answered(await cluster.client.addService(service));
    }
    const parts = {
      cluster,
      directory,
      recordPath,
      webUrl: `http://127.0.0.1:${webPort}/`,
      forMsMax: onceForMs(options),
      signal,
    };
    return options.mode === "once" ? await runOnce(parts) : await runLive(parts);
  } finally {
    await endAll(cluster);
  }
}

interface Parts {
  readonly cluster: DemoCluster;
  readonly directory: string;
  readonly recordPath: string;
  readonly webUrl: string;
  readonly forMsMax: number;
  readonly signal: AbortSignal;
}

function onceForMs({ profile }: DemoOptions): number {
  return profiles[profile].ttlMs + onceForMsMax;
}

async function runOnce(parts: Parts): Promise<0 | 1> {
  sayAll(serviceTable(await servicesRunning(parts)));
  const result = await tellStory({ ...parts, say });
  sayAll(serviceTable(answered(await parts.cluster.client.cluster())));
  await endAll(parts.cluster);
  say(JSON.stringify(result));
  return result.ranTwice ? 1 : 0;
}

async function runLive(parts: Parts): Promise<0> {
  const { cluster, directory, webUrl, signal } = parts;
  const status = await servicesRunning(parts);
  const stopListening = await listenForOrders(directory, (order) => carryOut(cluster, order));
  try {
    const { url, tokenPath } = cluster;
    sayAll(welcomeLines({ status, url, webUrl, tokenPath, directory }));
    await tellEvents(cluster, status.revision, signal);
    return 0;
  } finally {
    stopListening();
    say("");
    say("Ending the demo");
  }
}

async function servicesRunning(parts: Parts): ReturnType<typeof waitForStatus> {
  const { cluster, directory, webUrl, signal } = parts;
  const what = `both services to run; see the logs in ${directory}`;
  const options = { what, forMsMax: servicesForMsMax, signal };
  await waitUntil(() => askWeb(webUrl), options);
  return await waitForStatus(
    cluster.client,
    ({ services }) =>
      services.every(({ state, running }) => state === "started" && running === "running"),
    options,
  );
}

/** Prints events as they come, until the demo is to end. */
async function tellEvents(cluster: DemoCluster, after: number, signal: AbortSignal): Promise<void> {
  for await (const update of cluster.client.watch({ after, kinds: ["event"], signal })) {
    const message = answered(update);
    if (message.kind === "event") say(eventLine(message.resource));
    if (message.kind === "lost") say(`lost the server: ${message.error.message}`);
  }
}

function eventLine(event: EventResource): string {
  const time = new Date(event.atMs).toTimeString().slice(0, 8);
  const milliseconds = String(Math.floor(event.atMs) % 1_000).padStart(3, "0");
  return `${time}.${milliseconds}  ${event.subject.padEnd(14)}  ${event.sentence}`;
}

async function carryOut(cluster: DemoCluster, order: PowerOrder): Promise<ControlAnswer> {
  const { node, power } = order;
  if (!nodeNames.some((name) => name === node)) {
    return { kind: "failed", sentence: `no node "${node}"; there are ${nodeNames.join(", ")}` };
  }
  if (power === "off") {
    const { processCount } = await cluster.powerOff(node);
    if (processCount === 0) return { kind: "done", sentence: `${node} is already without power` };
    say(`${node} has lost its power`);
    return { kind: "done", sentence: `${node} has lost its power: all its processes are dead` };
  }
  const outcome = cluster.powerOn(node);
  if (outcome === "already-on") return { kind: "done", sentence: `${node} already has power` };
  say(`${node} has power again`);
  return { kind: "done", sentence: `${node} has power again: its agent starts` };
}

async function endAll(cluster: DemoCluster): Promise<void> {
  const left = await cluster.end();
  if (left.length > 0) throw new Error(`these processes could not be ended: ${left.join("; ")}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function sayAll(lines: readonly string[]): void {
  for (const line of lines) say(line);
}

function complain(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`holdfast: demo: ${message}\n`);
}
