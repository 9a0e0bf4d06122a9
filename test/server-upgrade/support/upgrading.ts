/** A control plane under upgrade: orders about it, what it says, and its manager's end at a chosen step. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiError, ApiResult } from "../../../src/client/api-error.ts";
import type { UpgradeStrategy } from "../../../src/core/upgrade/model.ts";
import type { Store } from "../../../src/ports/store.ts";
import {
  type UpgradeOrderWord,
  type UpgradeRecord,
  type UpgradeResource,
  upgradeRecordSchema,
} from "../../../src/wire/control-plane/upgrades.ts";
import { keys, managerRecordSchema } from "../../../src/wire/records.ts";
import { type TestServer, until } from "../../support/control-plane.ts";
import type { ServerWorld } from "./world.ts";

const waitMsMax = 240_000;
const againMs = 100;

interface UpgradeCall {
  readonly to: string;
  readonly strategy?: UpgradeStrategy;
  readonly pauseAfter?: readonly string[];
}

export class Upgrading {
  readonly world: ServerWorld;
  /** Of the upgrade that was begun last. */
  #id: string | undefined;

  constructor(world: ServerWorld) {
    this.world = world;
  }

  /** The one that is under way, or the last one; undefined: none, or nobody answers. */
  async now(): Promise<UpgradeResource | undefined> {
    const answer = await this.world.controlPlane.client().upgrade();
    return answer.ok ? (answer.value.upgrade ?? undefined) : undefined;
  }

  async apply({ to, strategy, pauseAfter = [] }: UpgradeCall): Promise<void> {
    const wish = {
      to,
      pauseAfter: [...pauseAfter],
      ...(strategy === undefined ? {} : { strategy }),
    };
    const client = this.world.controlPlane.client();
    let attempts = 0;
    const begun = await settled("the upgrade to begin", async () => {
      attempts += 1;
      const answer = await client.applyUpgrade(wish);
      // The attempt before has begun it, though nobody could say so.
      const isBegun = !answer.ok && answer.error.code === "conflict" && attempts > 1;
      return isBegun ? await client.upgrade() : answer;
    });
    assert.ok(begun.ok, JSON.stringify(begun));
    this.#id = begun.value.upgrade?.id;
  }

  async order(word: UpgradeOrderWord): Promise<void> {
    const client = this.world.controlPlane.client();
    let attempts = 0;
    const answer = await settled(`the word ${word} to be taken`, async () => {
      attempts += 1;
      const ordered = await client.orderUpgrade(word);
      if (ordered.ok || attempts === 1) return ordered;
      // The attempt before was taken, though nobody could say so, and what it asked for is over already.
      const now = await client.upgrade();
      const { state } = (now.ok ? now.value.upgrade : undefined) ?? {};
      return word === "abort" && state === "aborted" ? now : ordered;
    });
    assert.ok(answer.ok, JSON.stringify(answer));
  }

  /** Waits until it is in one of these states. */
  async untilState(...states: readonly string[]): Promise<UpgradeResource> {
    let last: UpgradeResource | undefined;
    const isSo = async (): Promise<boolean> => {
      const now = await this.now();
      // Whoever answers may still know the upgrade before only.
      if (this.#id === undefined || now?.id === this.#id) last = now ?? last;
      return last !== undefined && states.includes(last.state);
    };
    await until(`the upgrade to be ${states.join(" or ")}`, isSo, waitMsMax).catch((error) => {
      throw new Error(`${String(error)}: ${JSON.stringify(last, null, 1)}\n${this.#logs()}`);
    });
    assert.ok(last !== undefined);
    return last;
  }

  /** Waits until it is in this state; fails at once with its own words when it ends, or stops, in another. */
  async untilEnds(state: "done" | "aborted" | "paused"): Promise<UpgradeResource> {
    const ends = ["done", "aborted", "paused", "failed", "abort-failed"];
    const found = await this.untilState(...(state === "paused" ? ends : ends.filter(isNotPaused)));
    assert.equal(found.state, state, `${JSON.stringify(found, null, 1)}\n${this.#logs()}`);
    return found;
  }

  /** Waits in the store itself, so that it is known within milliseconds; of servers on etcd. */
  async untilRecord(
    what: string,
    isSo: (upgrade: UpgradeRecord) => boolean,
  ): Promise<UpgradeRecord> {
    const signal = AbortSignal.timeout(waitMsMax);
    const found = await this.world.withStore(async (store) => {
      while (!signal.aborted) {
        const upgrade = await follow(store, isSo, signal);
        if (upgrade !== undefined) return upgrade;
        await sleep(againMs); // its member was killed
      }
      return undefined;
    });
    assert.ok(found !== undefined, `waited in vain for ${what}\n${this.#logs()}`);
    return found;
  }

  /** Waits until the step is under way. */
  async untilRuns(step: string): Promise<void> {
    const isSo = ({ id, steps, state, detail }: UpgradeRecord): boolean => {
      if (id !== this.#id) return false;
      assert.notEqual(state, "failed", detail);
      return steps.some((each) => each.name === step && each.state !== "waiting");
    };
    await this.untilRecord(`the step ${step}`, isSo);
  }

  /** SIGKILL to the process of whichever server is manager, or to the next one that is; its launcher starts it again. */
  async killManager(): Promise<TestServer> {
    for (;;) {
      const id = await this.managerId();
      const server = this.world.controlPlane.servers.find((each) => each.id === id);
      const pid = server === undefined ? undefined : this.world.serverPid(server);
      if (server === undefined || pid === undefined) {
        await sleep(againMs);
        continue;
      }
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        continue; // it has ended by itself in this very moment: another one is manager soon
      }
      return server;
    }
  }

  async managerId(): Promise<string | undefined> {
    return await this.world.withStore(async (store) => {
      const read = await store.get(keys.manager);
      const entry = read.ok ? read.value.entry : undefined;
      return entry === undefined ? undefined : managerRecordSchema.parse(entry.value).serverId;
    });
  }

  /** Fails unless every server and every agent runs the version; who answers may be some moments behind. */
  async assertAll(version: string): Promise<void> {
    const { controlPlane } = this.world;
    for (const server of controlPlane.servers) await this.world.untilVersion(server, version);
    const client = controlPlane.client();
    let others: readonly string[] = [];
    const isSo = async (): Promise<boolean> => {
      const answer = await client.cluster();
      if (!answer.ok) return false;
      const { nodes } = answer.value;
      assert.ok(nodes.length > 0 || controlPlane.nodes.length === 0, "the nodes are there");
      others = nodes
        .filter(({ agentVersion }) => agentVersion !== version)
        .map(({ id, agentVersion }) => `${id}: ${agentVersion}`);
      return others.length === 0;
    };
    await until(`all agents to run version ${version}`, isSo).catch(async (error: unknown) => {
      const words = JSON.stringify(await this.now(), null, 1);
      throw new Error(`${String(error)}, not ${others.join(", ")}: ${words}\n${this.#logs()}`);
    });
  }

  #logs(): string {
    return this.world.controlPlane.logTails();
  }
}

function isNotPaused(state: string): boolean {
  return state !== "paused";
}

/** Undefined: the store cannot be followed any more, or the time is over. */
async function follow(
  store: Store,
  isSo: (upgrade: UpgradeRecord) => boolean,
  signal: AbortSignal,
): Promise<UpgradeRecord | undefined> {
  const read = await store.get(keys.systemUpgrade);
  if (!read.ok) return undefined;
  const { entry, revision } = read.value;
  const now = entry === undefined ? undefined : upgradeRecordSchema.parse(entry.value);
  if (now !== undefined && isSo(now)) return now;
  const fromRevision = revision + 1;
  for await (const batch of store.watch(keys.systemUpgrade, { fromRevision, signal })) {
    if (!batch.ok) return undefined;
    for (const change of batch.value.changes) {
      if (change.kind !== "put") continue;
      const upgrade = upgradeRecordSchema.parse(change.entry.value);
      if (isSo(upgrade)) return upgrade;
    }
  }
  return undefined;
}

/** Asks again while no server can answer; the answer may be a refusal. */
export async function settled<T>(
  what: string,
  ask: () => Promise<ApiResult<T>>,
): Promise<ApiResult<T>> {
  let answer = await ask();
  await until(what, async () => {
    if (!answer.ok && mayPass(answer.error)) answer = await ask();
    return answer.ok || !mayPass(answer.error);
  });
  return answer;
}

function mayPass({ kind, code }: ApiError): boolean {
  return kind !== "problem" || code === "unavailable" || code === "outcome-unknown";
}
