/** What `apply` would change: each thing of a file beside what the server has, field by field. */
import type { Client } from "../client/client.ts";
import { compareIds } from "../core/ids.ts";
import { ok, type Result } from "../core/result.ts";
import type { DefinitionConfig } from "../wire/fleet/definitions.ts";
import type { DeploymentConfig } from "../wire/fleet/deployments.ts";
import type { HaGroupConfig, HaGroupResource } from "../wire/fleet/ha-groups.ts";
import type { GroupConfig, RuleConfig } from "../wire/placement.ts";
import { type Failure, failOfApi } from "./failure.ts";
import { isDraft } from "./input/draft.ts";
import type { Manifest, ManifestService } from "./input/manifest.ts";

/** One field that differs; undefined: it is not there. */
export interface FieldChange {
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
}

interface StepBase {
  /** `settings`, the service's id, or e.g. `group racks`. */
  readonly subject: string;
  readonly action: "create" | "change" | "none";
  readonly changes: readonly FieldChange[];
  /** Revision of what it was compared with; undefined: there is none, or it is always there. */
  readonly revision: number | undefined;
}

export type PlanStep = StepBase &
  (
    | { readonly kind: "settings"; readonly settings: NonNullable<Manifest["settings"]> }
    | { readonly kind: "group"; readonly group: GroupConfig }
    | { readonly kind: "service"; readonly service: ManifestService }
    | { readonly kind: "rule"; readonly rule: RuleConfig }
    | { readonly kind: "ha-group"; readonly haGroup: HaGroupConfig }
    | { readonly kind: "definition"; readonly definition: DefinitionConfig }
    | { readonly kind: "deployment"; readonly deployment: DeploymentConfig }
  );

/**
 * Compares a file with the server; nothing is changed. What others refer to comes first: groups before services, services
 * after those that they name, rules last.
 */
export async function makePlan(
  client: Client,
  manifest: Manifest,
): Promise<Result<readonly PlanStep[], Failure>> {
  const steps: PlanStep[] = [];
  if (manifest.settings !== undefined) {
    const current = await client.settings();
    if (!current.ok) return failOfApi(current.error);
    const { settings } = manifest;
    const base = compared("settings", { config: current.value, revision: undefined }, settings);
    steps.push({ ...base, kind: "settings", settings });
  }
  if (manifest.groups.length > 0) {
    const groups = await client.groups();
    if (!groups.ok) return failOfApi(groups.error);
    const known = new Map(groups.value.items.map((item) => [item.name, item]));
    for (const group of manifest.groups) {
      const base = compared(`group ${group.name}`, known.get(group.name), group);
      steps.push({ ...base, kind: "group", group });
    }
  }
  if (manifest.haGroups.length > 0) {
    const haGroups = await client.haGroups();
    if (!haGroups.ok) return failOfApi(haGroups.error);
    const known = new Map(haGroups.value.items.map((item) => [item.name, item]));
    for (const wanted of manifest.haGroups) {
      const haGroup = { ...wanted, members: [...wanted.members].sort(compareIds) };
      const base = compared(
        `HA group ${haGroup.name}`,
        asWritten(known.get(haGroup.name)),
        haGroup,
      );
      steps.push({ ...base, kind: "ha-group", haGroup });
    }
  }
  const services = await client.services();
  if (!services.ok) return failOfApi(services.error);
  const known = new Map(services.value.items.map((item) => [item.id, item]));
  for (const service of inOrder(manifest.services)) {
    const { id } = service.config;
    steps.push({ ...compared(id, known.get(id), service.config), kind: "service", service });
  }
  if (manifest.rules.length > 0) {
    const rules = await client.rules();
    if (!rules.ok) return failOfApi(rules.error);
    const known = new Map(rules.value.items.map((item) => [item.name, item]));
    for (const rule of manifest.rules) {
      const base = compared(`rule ${rule.name}`, known.get(rule.name), rule);
      steps.push({ ...base, kind: "rule", rule });
    }
  }
  const fleet = await fleetSteps(client, manifest);
  return fleet.ok ? ok([...steps, ...fleet.value]) : fleet;
}

/** Definitions before the deployments that name them. */
async function fleetSteps(
  client: Client,
  { definitions, deployments }: Manifest,
): Promise<Result<readonly PlanStep[], Failure>> {
  const steps: PlanStep[] = [];
  if (definitions.length > 0) {
    const answer = await client.definitions();
    if (!answer.ok) return failOfApi(answer.error);
    const known = new Map(answer.value.items.map((item) => [item.id, item]));
    for (const definition of definitions) {
      const id = `${definition.service}/${definition.version}`;
      const base = compared(`definition ${id}`, known.get(id), definition);
      steps.push({ ...base, kind: "definition", definition });
    }
  }
  if (deployments.length > 0) {
    const answer = await client.deployments();
    if (!answer.ok) return failOfApi(answer.error);
    const known = new Map(answer.value.items.map((item) => [item.name, item]));
    for (const deployment of deployments) {
      const { name } = deployment;
      const base = compared(`deployment ${name}`, known.get(name), deployment);
      steps.push({ ...base, kind: "deployment", deployment });
    }
  }
  return ok(steps);
}

/** An HA group as a person would have written it. */
function asWritten(
  group: HaGroupResource | undefined,
): { readonly config: unknown; readonly revision: number } | undefined {
  if (group === undefined) return undefined;
  const { name, description, whenMembersOffline, revision } = group;
  const members = group.members.map(({ node }) => node);
  return { config: { name, description, members, whenMembersOffline }, revision };
}

function compared(
  subject: string,
  before: { readonly config: unknown; readonly revision: number | undefined } | undefined,
  config: unknown,
): StepBase {
  const changes = compareFields("", before?.config, config);
  const change = changes.length > 0 ? "change" : "none";
  const action = before === undefined ? "create" : change;
  return { subject, action, changes, revision: before?.revision };
}

/** Each service after those of the file that it names; those that wait for themselves are for the server to refuse. */
function inOrder(services: readonly ManifestService[]): readonly ManifestService[] {
  const byId = new Map<string, ManifestService>(
    services.map((service) => [service.config.id, service]),
  );
  const ordered = new Set<ManifestService>();
  const begun = new Set<ManifestService>();
  const waiting = [...services].reverse();
  for (let service = waiting.at(-1); service !== undefined; service = waiting.at(-1)) {
    const { after, requires } = service.config;
    const first = [...after, ...requires]
      .map((id) => byId.get(id))
      .filter((other) => other !== undefined && !begun.has(other) && !ordered.has(other));
    if (begun.has(service) || first.length === 0) {
      ordered.add(service);
      waiting.pop();
    } else {
      begun.add(service);
      waiting.push(...first.filter((other) => other !== undefined).reverse());
    }
  }
  return [...ordered];
}

function compareFields(path: string, from: unknown, to: unknown): FieldChange[] {
  if (isDraft(to) && (isDraft(from) || from === undefined)) {
    const before = from ?? {};
    const names = [...new Set([...Object.keys(before), ...Object.keys(to)])].sort(compareIds);
    return names.flatMap((name) =>
      compareFields(path === "" ? name : `${path}.${name}`, before[name], to[name]),
    );
  }
  return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, from, to }];
}

/** A step as text: a line that names it, and a line a field. */
export function textOfStep(step: PlanStep): string {
  const sign = { create: "+", change: "~", none: "=" }[step.action];
  const word = { create: "new", change: "changed", none: "the same" }[step.action];
  const lines = step.changes.map(({ path, from, to }) => {
    const before = from === undefined ? "" : `${JSON.stringify(from)} -> `;
    return `    ${path}: ${before}${to === undefined ? "(none)" : JSON.stringify(to)}\n`;
  });
  return `${sign} ${step.subject} (${word})\n${lines.join("")}`;
}
