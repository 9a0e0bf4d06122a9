/** Which releases may run on a node, the best first, and which of them is the one to run now. */
import { assert } from "../../assert.ts";
import { checkCompatible } from "../compatibility.ts";
import { isSame } from "../memory/copies.ts";
import type { Deployment, DeploymentVersion } from "../model/deployment.ts";
import type { FleetRegistration } from "../model/fleet-node.ts";
import type { GivenUp, Instance, Release } from "../model/instance.ts";
import type { Rollout } from "../model/rollout.ts";
import { withholding } from "../rollouts/latest.ts";
import type { Copy, FleetState } from "../state.ts";

/** Releases that may run on a node, and, where there are none, why. */
export interface Candidates {
  readonly releases: readonly Release[];
  readonly refusal: string;
}

/**
 * The deployment's versions that are defined, fit and are not held back. After a rollout that was taken back an
 * instance goes back to what it ran before it, or stays as it is, whatever the versions' priorities say.
 */
export function candidatesFor(
  state: FleetState,
  place: {
    readonly deployment: Deployment;
    readonly node: FleetRegistration;
    readonly instance: Instance | undefined;
  },
): Candidates {
  const { deployment, node, instance } = place;
  const withheldBy = withholding(state, deployment);
  const releases: Release[] = [];
  let refusal: string | undefined;
  for (const { version } of deployment.versions) {
    const release = { version, inputsKey: deployment.inputsKey };
    const because =
      withheldBy?.withheld.some((one) => isSame(one, release)) === true
        ? `version ${version} is held back by rollout ${withheldBy.number}: ${withheldBy.because}`
        : refusalOf(state, { deployment, node, version });
    if (because === undefined) releases.push(release);
    else refusal ??= because;
  }
  if (withheldBy !== undefined && instance !== undefined) {
    const base = baseOf(instance, withheldBy, releases);
    if (base !== undefined && mayStay(state, { deployment, node, instance }, base)) {
      const before = wayBackOf(state, { deployment, node, instance }, withheldBy);
      const others = [...before, ...releases].filter((release) => !isSame(release, base));
      return { releases: [base, ...others], refusal: "" };
    }
  }
  return { releases, refusal: refusal ?? "it has no versions" };
}

/** Why a version cannot run on the node; undefined: it can. */
export function refusalOf(
  state: FleetState,
  place: {
    readonly deployment: Deployment;
    readonly node: FleetRegistration;
    readonly version: string;
  },
): string | undefined {
  const { deployment, node, version } = place;
  const definition = state.definitions.get(deployment.service)?.get(version);
  if (definition === undefined) return `there is no version ${version} of ${deployment.service}`;
  const verdict = checkCompatible({ deployment, definition, node });
  return verdict.ok ? undefined : verdict.because;
}

/** What an instance goes back to, or stays with; undefined: nothing, it gets what there is. */
function baseOf(
  instance: Instance,
  rollout: Rollout,
  others: readonly Release[],
): Release | undefined {
  const isBrought = instance.rollout === rollout.number && instance.previous !== undefined;
  if (isBrought) return instance.previous;
  const isWithheld = rollout.withheld.some((release) => isSame(release, instance.release));
  if (!isWithheld) return instance.release;
  return others.length === 0 ? instance.release : undefined;
}

/** What it ran before what it runs now, should that not work. */
function wayBackOf(
  state: FleetState,
  place: {
    readonly deployment: Deployment;
    readonly node: FleetRegistration;
    readonly instance: Instance;
  },
  rollout: Rollout,
): readonly Release[] {
  const { previous } = place.instance;
  if (previous === undefined || !mayStay(state, place, previous)) return [];
  return rollout.withheld.some((release) => isSame(release, previous)) ? [] : [previous];
}

/** A release that the deployment does not name any more has to be defined and to fit all the same. */
function mayStay(
  state: FleetState,
  place: {
    readonly deployment: Deployment;
    readonly node: FleetRegistration;
    readonly instance: Instance;
  },
  base: Release,
): boolean {
  return refusalOf(state, { ...place, version: base.version }) === undefined;
}

/** Works out what may run there, unless that is known. */
export function ensureCandidates(
  state: FleetState,
  copy: Copy,
  place: { readonly deployment: Deployment; readonly node: FleetRegistration },
): readonly Release[] {
  if (copy.candidates === undefined) {
    const { releases, refusal } = candidatesFor(state, { ...place, instance: copy.instance });
    copy.candidates = releases;
    copy.refusal = refusal;
  }
  return copy.candidates;
}

/** What an instance is to run now. */
export interface Want {
  readonly release: Release;
  /** Every candidate was given up: it is the last that is left, and is tried on. */
  readonly isLastResort: boolean;
}

/** The best candidate that was not given up; the caller has looked that there are candidates. */
export function wantOf(state: FleetState, copy: Copy): Want {
  const { instance, candidates } = copy;
  const under = underOf(state, instance);
  const release = candidates?.find((candidate) => !isGivenUp(instance, candidate, under));
  if (release !== undefined) return { release, isLastResort: false };
  const current = candidates?.find((candidate) => isSame(candidate, instance.release));
  const last = current ?? candidates?.at(-1);
  assert(last !== undefined, "an instance that is wanted has a candidate");
  return { release: last, isLastResort: true };
}

/** Stands for all that a version was tried under: when it changes, what was given up is tried again. */
export function underOf(
  state: FleetState,
  { deployment, node }: Pick<Instance, "deployment" | "node">,
): string {
  return `${state.deploymentKeys.get(deployment) ?? ""}.${state.nodeKeys.get(node) ?? ""}`;
}

/** What was given up there, and counts still. */
export function givenUpNow(state: FleetState, { instance }: Copy): readonly GivenUp[] {
  const under = underOf(state, instance);
  return instance.givenUp.filter((one) => one.under === under);
}

/** Whether the release was tried there, failed, and nothing has changed since. */
export function isGivenUp(instance: Instance, release: Release, under: string): boolean {
  return instance.givenUp.some((one) => one.under === under && isSame(one.release, release));
}

/** How often and how long a release is tried; one that is named no longer like the last that is. */
export function versionOf(deployment: Deployment, { version }: Release): DeploymentVersion {
  const known = deployment.versions.find((one) => one.version === version);
  const found = known ?? deployment.versions.at(-1);
  assert(found !== undefined, "a deployment has a version");
  return found;
}
