/** A server, and a node whose agent has a launcher, with a service that runs there; upgraded by policies, as people do. */
import { createReadStream, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { ApiResult } from "../../../src/client/api-error.ts";
import type { Client } from "../../../src/client/client.ts";
import { type LaunchState, parseState } from "../../../src/launcher/state.ts";
import type { BundleResource } from "../../../src/wire/bundles.ts";
import type { PolicyInput, PolicyNode } from "../../../src/wire/fleet/policies.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  type TestNode,
  until,
} from "../../support/control-plane.ts";
import type { TestPackage } from "./packages.ts";

const service = "process:nap";
const policyName = "test";
const nodeName = "node1";
const waitMsMax = 90_000;

export interface UpgradeWorld {
  readonly controlPlane: TestControlPlane;
  readonly client: Client;
  readonly node: TestNode;
  push(one: Omit<TestPackage, "main">): Promise<ApiResult<BundleResource>>;
  /** Puts the one policy that there is. */
  want(policy: Omit<PolicyInput, "name">): Promise<void>;
  /** How far the node is under the policy. */
  progress(): Promise<PolicyNode>;
  /** Waits until the manager has ended the upgrade to this version, in whatever way. */
  untilOver(to: string): Promise<PolicyNode>;
  /** Process of the service's workload; undefined: it does not run. */
  workload(): number | undefined;
  agentVersion(): Promise<string>;
  /** The agent's process; undefined: none runs. */
  agentPid(): number | undefined;
  /** What the launcher has written down. */
  launchState(): LaunchState | undefined;
  stop(): Promise<void>;
}

/** `words`: those that run the agent. */
export async function startUpgradeWorld(
  options: { readonly engine?: "etcd" | "embedded"; readonly words?: readonly string[] } = {},
): Promise<UpgradeWorld> {
  const { engine = "embedded", words: agentWords = ["agent", "launch"] } = options;
  const controlPlane = await startControlPlane({
    ...{ servers: 1, nodes: 1, agentWords, engine },
    // Beside other tests a renewal may come late, and then the service would be another process.
    profile: "balanced",
  });
  try {
    return await worldOf(controlPlane);
  } catch (error: unknown) {
    await controlPlane.stop();
    throw error;
  }
}

async function worldOf(controlPlane: TestControlPlane): Promise<UpgradeWorld> {
  const [node] = controlPlane.nodes;
  if (node === undefined) throw new Error("there is no node");
  const client = controlPlane.client();
  const program = { command: "sleep", arguments: ["600"] };
  answerOf(await client.addService({ id: service, state: "started", process: program }));
  const read = (name: string): string | undefined => {
    try {
      return readFileSync(join(node.dataDirectory, name), "utf8");
    } catch {
      return undefined; // nobody has written it
    }
  };
  const world: UpgradeWorld = {
    controlPlane,
    client,
    node,
    push: ({ path, sha256, sizeBytes }) =>
      client.pushBundle({
        sha256,
        name: basename(path),
        others: "keep",
        waitMs: 5_000,
        content: { sizeBytes, read: () => createReadStream(path) },
      }),
    async want(policy) {
      answerOf(await client.putPolicy({ ...policy, name: policyName }));
    },
    async progress() {
      const { items } = answerOf(await client.policyStatus(policyName));
      const [line] = items;
      if (line === undefined) throw new Error("the policy does not choose the node");
      return line;
    },
    async untilOver(to) {
      let last = await world.progress();
      const isOver = async (): Promise<boolean> => {
        last = await world.progress();
        const isFinal = ["success", "failed", "rolled-back"].includes(last.state);
        return isFinal && last.to === to;
      };
      await until(`the upgrade to ${to} to be over`, isOver, waitMsMax).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(last)}\n${controlPlane.logTails()}`);
      });
      return last;
    },
    workload: () =>
      node.processes().find(({ commandLine }) => /^\S*sleep 600$/.test(commandLine))?.pid,
    agentVersion: async () => answerOf(await client.node(nodeName)).agentVersion,
    agentPid() {
      const text = read("agent.pid");
      return text === undefined ? undefined : Number(text);
    },
    launchState: () => parseState(read("versions/state.json") ?? ""),
    stop: () => controlPlane.stop(),
  };
  await until("the service to run", () => world.workload() !== undefined);
  return world;
}
