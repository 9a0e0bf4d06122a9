/** Thousands of reports at once against a server that takes its time: none is given up, and the server is not left. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, test } from "node:test";
import { createManagerCalls, type ManagerCalls } from "../../src/agent/link/manager-calls.ts";
import { createServers } from "../../src/agent/link/servers.ts";
import type { AgentEffect } from "../../src/core/agent/effect.ts";
import type { AgentEvent } from "../../src/core/agent/event.ts";
import { type Epoch, epochOf, instructionUidOf } from "../../src/core/ids.ts";
import { serviceNamed } from "../sim/scenario/dice.ts";
import { createTestLog } from "./support/tools.ts";

type Report = Extract<AgentEffect, { readonly kind: "report" }>;

const epoch = epochOf(3);

function reportOf(
  index: number,
  sequence: number,
  health: "healthy" | "starting" = "healthy",
): Report {
  return {
    kind: "report",
    service: serviceNamed(`process:s${index}`),
    sequence,
    content: {
      ...{ uid: instructionUidOf("u1"), epoch, result: "running", detail: "" },
      ...{ health, stable: false, configRevision: 1 },
    },
  };
}

/** A server that needs `answerMs` for each report, and an agent's calls to it. */
async function callsTo(answerMs: number) {
  const heard: { readonly service: string; readonly health: string }[] = [];
  let [busyCount, busyCountMax] = [0, 0];
  const server = createServer((request, response) => {
    busyCount += 1;
    busyCountMax = Math.max(busyCountMax, busyCount);
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => {
      text += chunk;
    });
    request.on("end", () => {
      heard.push(JSON.parse(text));
      setTimeout(() => {
        busyCount -= 1;
        response.end("{}");
      }, answerMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  const servers = createServers({ urls: [`http://127.0.0.1:${port}`], token: "t" });
  const left: string[] = [];
  servers.onFailure((url) => left.push(url));
  const answers: AgentEvent[] = [];
  let onAnswer: () => void = () => undefined;
  let held: Epoch | undefined = epoch;
  const calls: ManagerCalls = createManagerCalls({
    servers,
    log: createTestLog(),
    epochOf: () => held,
    leavingKind: () => "agent-restart",
    dispatch(event) {
      answers.push(event);
      onAnswer();
    },
  });
  after(() => {
    servers.close();
    server.closeAllConnections();
    server.close();
  });
  return {
    calls,
    heard,
    left,
    answers,
    busyCountMax: () => busyCountMax,
    loseLease() {
      held = undefined;
    },
    answered: (count: number) =>
      new Promise<void>((resolve) => {
        onAnswer = () => {
          if (answers.length >= count) resolve();
        };
        onAnswer();
      }),
  };
}

describe("the reports of an agent with thousands of services", () => {
  test("reach a server that needs longer for all of them than one call may take", {
    timeout: 60_000,
  }, async () => {
    const count = 1_500;
    const { calls, heard, left, answers, busyCountMax, answered } = await callsTo(30);
    const fromMs = performance.now();
    for (let index = 0; index < count; index += 1) calls.report(reportOf(index, index));
    await answered(count);
    assert.ok(performance.now() - fromMs > 2_000, "longer than the time-out of one");
    const words = new Set(answers.map((event) => "answer" in event && event.answer));
    assert.deepEqual(words, new Set(["accepted"]));
    assert.equal(new Set(heard.map(({ service }) => service)).size, count);
    assert.equal(heard.length, count, "none was said twice");
    assert.deepEqual(left, [], "the server was not taken for lost");
    assert.ok(
      busyCountMax() < 16,
      `${busyCountMax()} at a time: a connection is left for a question`,
    );
  });

  test("are said once in their newest form when they have changed before their turn", async () => {
    const { calls, heard, answers, answered } = await callsTo(30);
    for (let index = 0; index < 40; index += 1) calls.report(reportOf(index, index, "starting"));
    for (let index = 0; index < 40; index += 1) calls.report(reportOf(index, 40 + index));
    await answered(52);
    const last = heard.filter(({ service }) => service === "process:s39");
    assert.deepEqual(
      last.map(({ health }) => health),
      ["healthy"],
    );
    const newest = answers.flatMap((event) => ("sequence" in event ? [event.sequence] : []));
    for (let index = 40; index < 80; index += 1) assert.ok(newest.includes(index), `${index}`);
    assert.equal(heard.length, 52, "twelve had been sent already");
  });

  test("are not said any more once the lease is over", async () => {
    const { calls, heard, answers, answered, loseLease } = await callsTo(30);
    for (let index = 0; index < 40; index += 1) calls.report(reportOf(index, index));
    loseLease();
    await answered(40);
    const refused = answers.filter((event) => "answer" in event && event.answer === "refused");
    assert.equal(refused.length, 28);
    assert.equal(heard.length, 12);
  });
});
