/** Definitions and deployments for the tests of the fleet's API, and how they are refused. */
import assert from "node:assert/strict";
import type { Answer, Harness } from "../harness.ts";

/** A definition that could run. */
export function definitionBody(version: string, more: object = {}): object {
  return { service: "process:web", version, process: { command: "/bin/true" }, ...more };
}

/** A deployment of these versions. */
export function deploymentBody(versions: readonly string[], more: object = {}): object {
  return {
    name: "web",
    service: "process:web",
    versions: versions.map((version) => ({ version })),
    ...more,
  };
}

/** Adds definitions that must be let in. */
export async function addDefinitions(
  harness: Harness,
  versions: readonly string[],
  more: object = {},
): Promise<void> {
  for (const version of versions) {
    const body = definitionBody(version, more);
    const answer = await harness.call("POST", "/v1/definitions", { body });
    assert.equal(answer.status, 201, answer.text);
  }
}

/** Adds a deployment that must be let in. */
export async function putDeployment(
  harness: Harness,
  versions: readonly string[],
  more: object = {},
): Promise<Answer> {
  const body = deploymentBody(versions, more);
  const answer = await harness.call("PUT", "/v1/deployments/web", { body });
  assert.ok(answer.status === 200 || answer.status === 201, answer.text);
  return answer;
}

/** Asserts that it was refused for bad input, at these places. */
export function assertFaults(answer: Answer, faults: Readonly<Record<string, RegExp>>): void {
  assert.equal(answer.status, 400, answer.text);
  const found = Object.values(answer.json["faults"] ?? {});
  const paths = found.map((fault) => String(fault["path"]));
  assert.deepEqual(paths.sort(), Object.keys(faults).sort(), answer.text);
  for (const [path, pattern] of Object.entries(faults)) {
    const fault = found.find((each) => String(each["path"]) === path);
    assert.match(String(fault?.["message"]), pattern);
  }
}
