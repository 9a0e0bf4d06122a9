/** Reads a living cluster and plays it: what `whatif` and `apply --dry-run` share. The simulator is loaded on demand. */
import type { Option } from "commander";
import type { Client } from "../../../client/client.ts";
import type { ServiceId } from "../../../core/ids.ts";
import { ok, type Result } from "../../../core/result.ts";
import type { Action } from "../../../sim/plan.ts";
import type { ClusterFacts } from "../../../sim/whatif/cluster-plan.ts";
import type { Forecast } from "../../../sim/whatif/forecast.ts";
import { durationOption } from "../../command-context.ts";
import { type Failure, fail, failOfApi } from "../../failure.ts";

/** How long a start, stop or move is taken to last when nobody says. */
export const startTimeMsDefault = 2_000;
const startTimeRangeMs = { min: 1, max: 3_600_000 };

/** The flag `--start-time`; its value is in milliseconds. */
export function startTimeOption(): Option {
  return durationOption(
    "--start-time <duration>",
    `how long a start or stop is taken to last (default: ${startTimeMsDefault / 1_000}s)`,
    startTimeRangeMs,
  );
}

/** Reads all that a play begins with; nothing is changed. */
export async function readFacts(client: Client): Promise<Result<ClusterFacts, Failure>> {
  const status = await client.cluster();
  if (!status.ok) return failOfApi(status.error);
  const groups = await client.groups();
  if (!groups.ok) return failOfApi(groups.error);
  const rules = await client.rules();
  if (!rules.ok) return failOfApi(rules.error);
  return ok({
    status: status.value,
    groups: groups.value.items.map(({ config }) => config),
    rules: rules.value.items.map(({ config }) => config),
  });
}

export interface PlayOptions {
  readonly startTimeMs: number;
  /** Nodes that are lost in the play. */
  readonly spared: ReadonlySet<string>;
  /** What is done, all at one moment. */
  readonly actions: readonly Action[];
}

/** Plays the cluster with what is done to it. */
export async function play(
  facts: ClusterFacts,
  options: PlayOptions,
): Promise<Result<Forecast, Failure>> {
  const [{ planOfCluster }, { forecast }] = await Promise.all([
    import("../../../sim/whatif/cluster-plan.ts"),
    import("../../../sim/whatif/forecast.ts"),
  ]);
  const { startTimeMs, spared, actions } = options;
  const plan = planOfCluster(facts, { operationMs: startTimeMs, spared });
  if (!plan.ok) return fail(1, plan.error);
  return ok(
    forecast({ plan: plan.value, actions, reasons: reasonsOf(plan.value.services, facts) }),
  );
}

function reasonsOf(
  services: readonly { readonly id: ServiceId }[],
  { status }: ClusterFacts,
): ReadonlyMap<ServiceId, string> {
  const sentences = new Map(status.services.map(({ id, reason }) => [id, reason]));
  return new Map(services.map(({ id }) => [id, sentences.get(id) ?? ""]));
}
