/**
 * The service that the tests of rollouts deploy to every node: its versions, its deployment, and the client that goes
 * round its copies; wherever the nodes are.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import type { Client } from "../../../src/client/client.ts";
import type { DefinitionInput } from "../../../src/wire/fleet/definitions.ts";
import type { DeploymentInput } from "../../../src/wire/fleet/deployments.ts";
import type {
  DeploymentStatus,
  InstanceResource,
  RolloutResource,
} from "../../../src/wire/fleet/resources.ts";
import { root } from "../../support/built-program.ts";
import { value } from "../harness/cluster.ts";
import { waitFor } from "../harness/wait.ts";
import { type Member, Prober } from "./prober.ts";

/** The deployment and the one HA group of these tests. */
export const deploymentName = "web";
export const groupName = "front";

/** Asks a copy for its health without starting a Node.js for it. */
const healthScript = `port=PORT_$HOLDFAST_NODE
exec 3<>"/dev/tcp/127.0.0.1/\${!port}" && printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3
read -r -t 1 line <&3 && [[ $line == *" 200 "* ]]`;

export interface Version {
  readonly version: string;
  readonly behaviour?: "good" | "sick" | "exits";
  /** A good one is healthy after so long. */
  readonly startsMs?: number;
}

/** Times that make a step of an upgrade short, and leave its states long enough to be seen. */
const hopelessForMs = 2_500;
/** A good version gets the time that it may need on a machine that is busy. */
const goodForMs = 10_000;
const healthyForMs = 600;

export interface WebDeploymentOptions {
  /** A client of a server that answers now. */
  readonly client: () => Client;
  readonly members: ReadonlyMap<string, Member>;
  /** Where copies write that they live. */
  readonly recordPath: string;
  /** What copies listen on; default: 127.0.0.1. */
  readonly address?: string;
}

export class WebDeployment {
  readonly members: ReadonlyMap<string, Member>;
  readonly prober: Prober;
  readonly #options: WebDeploymentOptions;
  /** Versions that never become healthy. */
  readonly #hopeless = new Set<string>();

  constructor(options: WebDeploymentOptions) {
    this.#options = options;
    this.members = options.members;
    this.prober = new Prober(options.members);
  }

  /** Adds the version for deployments to use. */
  async define({ version, behaviour = "good", startsMs = 0 }: Version): Promise<void> {
    if (behaviour !== "good") this.#hopeless.add(version);
    const ports = [...this.members].map(([node, { port }]) => [`PORT_${node}`, String(port)]);
    const definition: DefinitionInput = {
      service: "process:web",
      version,
      inputs: [{ name: "GREETING", default: "" }],
      process: {
        command: process.execPath,
        arguments: [join(root, "test", "e2e", "rollout", "web-copy.ts")],
        environment: {
          ...Object.fromEntries(ports),
          RUN_RECORDS: this.#options.recordPath,
          VERSION: version,
          BEHAVIOUR: behaviour,
          STARTS_MS: String(startsMs),
          ADDRESS: this.#options.address ?? "127.0.0.1",
        },
        health: {
          kind: "exec",
          command: "bash",
          arguments: ["-c", healthScript],
          intervalMs: 200,
          timeoutMs: 1_500,
        },
        restart: { settleMs: 100, delayMs: 100 },
        stopTimeoutMs: 2_000,
      },
    };
    value(await this.#options.client().addDefinition(definition));
  }

  /** Deploys these versions, the first one by preference; the answer is the deployment's generation. */
  async deploy(versions: readonly string[], more: Partial<DeploymentInput> = {}): Promise<number> {
    const answer = await this.#options.client().putDeployment({
      name: deploymentName,
      service: "process:web",
      versions: versions.map((version) => ({
        version,
        retries: 2,
        retryDurationMs: this.#hopeless.has(version) ? hopelessForMs : goodForMs,
      })),
      ...more,
      rollout: { healthyForMs, ...more.rollout },
    });
    return value(answer).generation;
  }

  async status(): Promise<DeploymentStatus> {
    return value(await this.#options.client().deploymentStatus(deploymentName));
  }

  /** Waits for the deployment to be as wanted; a server that does not answer is asked again. */
  async becomes(
    what: string,
    isWanted: (status: DeploymentStatus) => boolean,
    forMsMax = 30_000,
  ): Promise<DeploymentStatus> {
    let last = "never answered";
    return waitFor(what, forMsMax, async () => {
      const answer = await this.#options.client().deploymentStatus(deploymentName);
      if (!answer.ok) {
        last = answer.error.message;
        return undefined;
      }
      last = JSON.stringify(answer.value);
      return isWanted(answer.value) ? answer.value : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; last seen: ${last}`);
    });
  }

  memberOf(node: string): Member {
    const member = this.members.get(node);
    assert(member !== undefined, `${node} is a node of this test`);
    return member;
  }

  /** Whether a copy on the node takes connections, healthy or not. */
  listens(node: string): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.memberOf(node));
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
  }

  /** All copies are healthy in the version, and nothing is under an upgrade. */
  async allRun(version: string, count = this.members.size): Promise<void> {
    await this.becomes(`all ${count} copies to run version ${version}`, ({ instances }) => {
      const isThere = (one: InstanceResource) =>
        one.version === version && one.isHealthy && one.upgrade === undefined;
      return instances.length === count && instances.every(isThere);
    });
  }

  /** The rollout of this generation of the deployment, or a later one, when it is over. */
  async rolloutEnds(generation: number, forMsMax = 45_000): Promise<RolloutResource> {
    const { deployment } = await this.becomes(
      `the rollout of generation ${generation} to end`,
      ({ deployment: { rollout } }) =>
        rollout !== undefined &&
        rollout.generation >= generation &&
        rollout.endedAtMs !== undefined,
      forMsMax,
    );
    assert(deployment.rollout !== undefined, "there is a rollout");
    return deployment.rollout;
  }

  /** Nothing failed that the client asked for, and it has asked. */
  assertNeverDark(requestCountMin = 100): void {
    const { dark, requestCount } = this.prober;
    assert(requestCount >= requestCountMin, `the client has asked, ${requestCount} times`);
    assert.deepEqual(dark, [], `requests without any healthy copy, of ${requestCount}`);
  }
}
