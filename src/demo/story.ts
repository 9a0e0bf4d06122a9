/**
 * `demo --once`: the demo tells its story by itself. It cuts the power of the node that runs the web service, waits
 * for the first answer from elsewhere, and looks in the run records whether anything ever ran twice.
 */
import { request } from "node:http";
import * as z from "zod";
import type { DemoCluster } from "./cluster.ts";
import { livesOf, overlapsOf, readRunRecords } from "./run-records.ts";
import { waitForStatus, waitUntil } from "./waiting.ts";

const answerForMsMax = 1_000;

const webAnswerSchema = z.object({ node: z.string(), instance: z.string() });
type WebAnswer = z.output<typeof webAnswerSchema>;

export interface StoryOptions {
  readonly cluster: DemoCluster;
  readonly webUrl: string;
  readonly recordPath: string;
  /** How long the recovery may take. */
  readonly forMsMax: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** What `--once` prints as its last line. */
export interface StoryResult {
  readonly failoverMs: number;
  readonly leaseTtlMs: number;
  readonly from: string;
  readonly to: string;
  readonly ranTwice: boolean;
}

/** Tells the story of one failover; throws an Error of one line when the recovery does not come. */
export async function tellStory(options: StoryOptions): Promise<StoryResult> {
  const { cluster, webUrl, say, signal, forMsMax } = options;
  const before = await waitUntil(() => askWeb(webUrl), {
    what: `an answer of the web service at ${webUrl}`,
    forMsMax,
    signal,
  });
  say(
    `process:web answers from ${before.node}; now ${before.node} loses its power: SIGKILL to its`,
  );
  say("agent, its guard and all its workloads at once");
  const { killedAtMs } = await cluster.powerOff(before.node);
  const after = await waitUntil(() => answerOfAnother(webUrl, before), {
    what: "process:web to answer from another node",
    forMsMax,
    signal,
  });
  const failoverMs = Math.round(performance.now() - killedAtMs);
  say(`process:web answers from ${after.node}, ${failoverMs} ms after the power cut`);
  const status = await waitForStatus(
    cluster.client,
    ({ services }) =>
      services.every(({ state, running }) => state === "started" && running === "running"),
    { what: "all services to run again", forMsMax, signal },
  );
  const ranTwice = reportOverlaps(options.recordPath, say);
  const leaseTtlMs = status.times.ttlMs;
  return { failoverMs, leaseTtlMs, from: before.node, to: after.node, ranTwice };
}

async function answerOfAnother(url: string, before: WebAnswer): Promise<WebAnswer | undefined> {
  const answer = await askWeb(url);
  return answer === undefined || answer.instance === before.instance ? undefined : answer;
}

/** Undefined: nobody answers now. */
export function askWeb(url: string): Promise<WebAnswer | undefined> {
  const { promise, resolve } = Promise.withResolvers<WebAnswer | undefined>();
  const asked = request(url, { agent: false, timeout: answerForMsMax }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    response.on("end", () => resolve(parseAnswer(text)));
    response.on("error", () => resolve(undefined));
  });
  asked.on("timeout", () => asked.destroy());
  asked.on("error", () => resolve(undefined));
  asked.on("close", () => resolve(undefined));
  asked.end();
  return promise;
}

function parseAnswer(text: string): WebAnswer | undefined {
  const parsed = z.json().safeParse(text === "" ? undefined : JSON.parse(text));
  const answer = webAnswerSchema.safeParse(parsed.data);
  return answer.success ? answer.data : undefined;
}

function reportOverlaps(recordPath: string, say: (line: string) => void): boolean {
  const records = readRunRecords(recordPath);
  const overlaps = overlapsOf(records);
  for (const { service, first, second, overlapMs } of overlaps) {
    say(`${service} ran twice: on ${first.node} and ${second.node} for ${overlapMs.toFixed(0)} ms`);
  }
  if (overlaps.length === 0) {
    const copyCount = livesOf(records).length;
    say(`${records.length} records of ${copyCount} copies show: no service ever ran twice`);
  }
  return overlaps.length > 0;
}
