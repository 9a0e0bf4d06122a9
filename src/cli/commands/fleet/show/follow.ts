/**
 * Follows a deployment until every node runs what it is to run, with progress on standard error. Ends with what to do when
 * its rollout went back, a version did not become healthy, or time is up.
 */
import type { Client } from "../../../../client/client.ts";
import type { WatchUpdate } from "../../../../client/watch.ts";
import { err, ok, type Result } from "../../../../core/result.ts";
import type {
  CheckLine,
  DeploymentResource,
  InstanceResource,
  RolloutResource,
} from "../../../../wire/fleet/resources.ts";
import { type Failure, fail, failOfApi, type Outcome } from "../../../failure.ts";
import { createProgress, type Progress } from "../../../progress.ts";
import type { Session } from "../../../session.ts";
import { progressText, stateWords, versionText } from "./fleet-text.ts";

export interface FollowOptions {
  readonly name: string;
  /** Undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
}

/** What was told of the deployment so far. */
interface Seen {
  readonly name: string;
  deployment: DeploymentResource | undefined;
  rollout: RolloutResource | undefined;
  readonly instances: Map<string, InstanceResource>;
  /** All that there was has been told. */
  isReady: boolean;
  isGone: boolean;
}

const goingOn: readonly RolloutResource["state"][] = ["running", "paused", "rolling-back"];

/** Exit code 0: all is as it is to be; 1: something has failed, or time was up; 3: there is no such deployment. */
export async function followDeployment(
  session: Session,
  client: Client,
  { name, timeoutMs }: FollowOptions,
): Promise<Outcome> {
  const first = await client.deployment(name);
  if (!first.ok) return failOfApi(first.error);
  const ended = new AbortController();
  const signals = [ended.signal, session.io.signal];
  if (timeoutMs !== undefined) signals.push(AbortSignal.timeout(timeoutMs));
  const signal = AbortSignal.any(signals);
  const progress = createProgress(session.io);
  let seen = nothingSeen(name);
  try {
    const kinds = ["deployment", "rollout", "instance"] as const;
    for await (const update of client.watch({ kinds, signal, firstFailure: "retry" })) {
      if (!update.ok) return failOfApi(update.error);
      if (update.value.kind === "reset") seen = nothingSeen(name);
      take(seen, update.value, progress);
      if (seen.isGone) return goneOutcome(first.value);
      const settled = await settledOutcome(client, seen);
      if (settled !== undefined) return settled;
    }
  } finally {
    ended.abort();
    progress.end();
  }
  if (session.io.signal.aborted)
    return fail(130, "interrupted", "the deployment goes on by itself");
  const state = [...seen.instances.values()].filter((each) => !isWell(each)).map(lineOf);
  const what = `after ${(timeoutMs ?? 0) / 1_000} s: ${state.slice(0, 5).join("; ") || rolloutLine(seen)}`;
  return fail(1, what, `look with: holdfast deployment status ${name}`);
}

function nothingSeen(name: string): Seen {
  return {
    ...{ name, deployment: undefined, rollout: undefined },
    instances: new Map(),
    isReady: false,
    isGone: false,
  };
}

/** One that is removed was to go; one that a person wanted changed was not. */
function goneOutcome({ name, removing }: DeploymentResource): Outcome {
  return removing ? ok(0) : fail(3, `deployment ${name} was removed meanwhile`);
}

function take(seen: Seen, update: WatchUpdate, progress: Progress): void {
  switch (update.kind) {
    case "deployment":
      if (update.resource.name === seen.name) seen.deployment = update.resource;
      break;
    case "deployment-deleted":
      if (update.id === seen.name) seen.isGone = true;
      break;
    case "rollout":
      takeRollout(seen, update.resource, progress);
      break;
    case "instance":
      if (update.resource.deployment !== seen.name) break;
      seen.instances.set(update.resource.id, update.resource);
      progress.show(update.resource.id, lineOf(update.resource));
      break;
    case "instance-deleted":
      seen.instances.delete(update.id);
      break;
    case "ready":
      seen.isReady = true;
      // It was forgotten before the watch began.
      if (seen.deployment === undefined) seen.isGone = true;
      break;
    case "lost":
      progress.show("", `${update.error.message}; connecting again`);
      break;
    case "reset":
    case "rollout-deleted":
    case "service":
    case "service-deleted":
    case "node":
    case "node-deleted":
    case "event":
    case "ha-group":
    case "ha-group-deleted":
      break;
  }
}

function takeRollout(seen: Seen, rollout: RolloutResource, progress: Progress): void {
  if (rollout.deployment !== seen.name || rollout.number < (seen.rollout?.number ?? 0)) return;
  seen.rollout = rollout;
  progress.show("rollout", rolloutLine(seen));
}

function rolloutLine({ name, rollout }: Seen): string {
  if (rollout === undefined) return `${name} has not begun yet`;
  const { number, version, state } = rollout;
  return `rollout ${number} of ${name} to version ${version} ${stateWords[state]}, ${progressText(rollout)}`;
}

function lineOf(instance: InstanceResource): string {
  const { deployment, node, phase, because } = instance;
  const why = because === undefined ? "" : `: ${because}`;
  return `${deployment} on ${node} is ${phase} (${versionText(instance)})${why}`;
}

function isWell({ phase, isHealthy }: InstanceResource): boolean {
  return phase === "running" && isHealthy;
}

/** How it ended; undefined: it goes on. What fits which node is asked anew when all the rest has settled. */
async function settledOutcome(client: Client, seen: Seen): Promise<Outcome | undefined> {
  const { deployment, rollout } = seen;
  if (!seen.isReady || deployment === undefined || deployment.removing) return undefined;
  if (rollout !== undefined && goingOn.includes(rollout.state)) return undefined;
  const isMoving = [...seen.instances.values()].some(
    (each) => each.isOnline && each.phase !== "failed" && !isWell(each),
  );
  if (isMoving) return undefined;
  const wanted = await wantedOn(client, seen.name);
  if (!wanted.ok) return wanted;
  const isMissing = wanted.value.some((line) => !hasSettled(seen, line));
  return isMissing ? undefined : verdictOf(seen);
}

/** Where it is to run: nodes that are offline get theirs when they are back. */
async function wantedOn(
  client: Client,
  deployment: string,
): Promise<Result<readonly CheckLine[], Failure>> {
  const checked = await client.check({ deployment });
  if (!checked.ok) return failOfApi(checked.error);
  const nodes = await client.nodes();
  if (!nodes.ok) return failOfApi(nodes.error);
  const online = new Set(nodes.value.items.filter(({ leased }) => leased).map(({ id }) => id));
  return ok(checked.value.items.filter(({ compatible, node }) => compatible && online.has(node)));
}

function hasSettled({ instances, rollout, deployment }: Seen, line: CheckLine): boolean {
  const instance = instances.get(`${line.deployment}/${line.node}`);
  if (instance === undefined) return false;
  if (instance.phase === "failed") return true;
  const wentBack = rollout?.generation === deployment?.generation && rollout?.state !== "succeeded";
  const isWanted = (release: { readonly version: string; readonly inputsKey: string }): boolean =>
    release.version === line.version && release.inputsKey === deployment?.inputsKey;
  const isDone = isWanted(instance) || instance.givenUp.some(isWanted);
  return isDone || (rollout !== undefined && wentBack);
}

function verdictOf({ name, rollout, deployment, instances }: Seen): Outcome {
  const hint = `look with: holdfast deployment status ${name}`;
  if (rollout !== undefined && rollout.generation === deployment?.generation) {
    const { number, state, because } = rollout;
    if (state === "failed" || state === "rolled-back") {
      return fail(1, `rollout ${number} of ${name} ${stateWords[state]}: ${because}`, hint);
    }
  }
  const failed = [...instances.values()].filter((each) => each.phase === "failed");
  if (failed.length === 0) return ok(0);
  const nodes = failed.map(({ node }) => node).join(", ");
  return err({ exitCode: 1, what: `${name} does not become healthy on ${nodes}`, hint });
}
