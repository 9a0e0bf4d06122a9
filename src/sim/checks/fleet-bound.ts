/**
 * How long it may take, at most, until every rollout has ended once all faults are over; a part of the bound of S9:
 *
 *   step      over a deployment's versions: retries x (retry duration + stop, start and its health check + 3 s)
 *             + the health that is asked before the next one's turn
 *   rollout   nodes x step, forward and back, + what canaries wait for; one after the other over all deployments
 *   agents    nodes x (restart + lease + the time to become healthy), twice
 */
import type { DeploymentConfig } from "../../wire/fleet/deployments.ts";
import { timesOf } from "../../wire/settings.ts";
import type { DefinitionPlan } from "../fleet-plan.ts";
import type { Plan } from "../plan.ts";

/** What deciding, telling and pausing before a restart cost in one attempt. */
const attemptMs = 3_000;
/** Download, unpacking and restart of an agent. */
const agentMs = 10_000;

/** 0 without a fleet. */
export function fleetBoundMs(plan: Plan): number {
  const { actions, fleet, nodes } = plan;
  const deployments = [
    ...(fleet?.deployments ?? []),
    ...actions.flatMap(({ action }) =>
      action.kind === "put-deployment" ? [action.deployment] : [],
    ),
  ];
  const policies = [
    ...(fleet?.policies ?? []),
    ...actions.flatMap(({ action }) => (action.kind === "put-policy" ? [action.policy] : [])),
  ];
  const stepsMs = new Map<string, number>();
  const startMs = deployments.length === 0 ? 0 : longestStartMs(plan);
  for (const deployment of deployments) {
    const stepMs = rolloutMs(plan, deployment, startMs);
    stepsMs.set(deployment.name, Math.max(stepsMs.get(deployment.name) ?? 0, stepMs));
  }
  const rolloutsMs = [...stepsMs.values()].reduce((sum, ms) => sum + ms, 0);
  const healthyMs = Math.max(0, ...policies.map(({ healthyWithinMs }) => healthyWithinMs));
  const waitMs = Math.max(0, ...policies.map(({ spreadMs }) => spreadMs));
  const leaseMs = 2 * timesOf(plan.settings).ttlMs;
  const agentsMs =
    policies.length === 0 ? 0 : waitMs + 2 * nodes.length * (agentMs + leaseMs + healthyMs);
  return rolloutsMs + agentsMs;
}

function rolloutMs(plan: Plan, { versions, rollout }: DeploymentConfig, startMs: number): number {
  const operationsMs = 3 * plan.pace.operationMs + startMs + 2 * plan.pace.roundMs;
  const triesMs = versions.map(
    ({ retries, retryDurationMs }) => retries * (retryDurationMs + operationsMs + attemptMs),
  );
  const stepMs = triesMs.reduce((sum, ms) => sum + ms, 0) + rollout.healthyForMs;
  return 2 * plan.nodes.length * stepMs + 2 * (rollout.canaries?.waitMs ?? 0);
}

function longestStartMs({ fleet, actions }: Plan): number {
  const definitions: readonly DefinitionPlan[] = [
    ...(fleet?.definitions ?? []),
    ...actions.flatMap(({ action }) =>
      action.kind === "put-definition" ? [action.definition] : [],
    ),
  ];
  return Math.max(0, ...definitions.map(({ behaviour }) => behaviour.healthyAfterMs));
}
