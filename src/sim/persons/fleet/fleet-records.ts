/** The records that the API would write for a plan's HA groups, definitions, deployments, packages and policies. */
import { type BundleRecord, sha256Schema } from "../../../wire/bundles.ts";
import { type DefinitionRecord, definitionSchema } from "../../../wire/fleet/definitions.ts";
import type { DeploymentConfig, DeploymentRecord } from "../../../wire/fleet/deployments.ts";
import type { HaGroupRecord } from "../../../wire/fleet/ha-groups.ts";
import type { PolicyConfig, PolicyRecord } from "../../../wire/fleet/policies.ts";
import type { AgentPackagePlan, DefinitionPlan, HaGroupPlan } from "../../fleet-plan.ts";

const by = "person";

/** `ha-groups/<name>`; `before`: what it replaces. */
export function haGroupRecordOf(
  { name, whenMembersOffline }: Omit<HaGroupPlan, "members">,
  nowMs: number,
  before: HaGroupRecord | undefined,
): HaGroupRecord {
  return {
    version: 1,
    name,
    description: "",
    whenMembersOffline,
    owner: by,
    createdAtMs: before?.createdAtMs ?? nowMs,
    updatedAtMs: nowMs,
  };
}

/** What a process of the version is started by: drivers know from it how it behaves. */
export function commandOf({
  service,
  version,
}: Pick<DefinitionPlan, "service" | "version">): string {
  return `${service} ${version}`;
}

/** `definitions/<service>/<version>` */
export function definitionRecordOf(plan: DefinitionPlan, nowMs: number): DefinitionRecord {
  const { service, version, properties, constraint } = plan;
  const process = { command: commandOf(plan) };
  const definition = definitionSchema.parse({ service, version, properties, constraint, process });
  return { version: 1, definition, by, addedAtMs: nowMs };
}

/** `deployments/<name>`; `before`: what it replaces. */
export function deploymentRecordOf(
  deployment: DeploymentConfig,
  nowMs: number,
  before: DeploymentRecord | undefined,
): DeploymentRecord {
  return {
    version: 1,
    deployment,
    generation: (before?.generation ?? 0) + 1,
    inputsKey: inputsKeyOf(deployment.inputs),
    by,
    addedAtMs: before?.addedAtMs ?? nowMs,
    removing: false,
  };
}

/** Equal for equal inputs, and short enough for a key. */
export function inputsKeyOf(inputs: DeploymentConfig["inputs"]): string {
  const lines = Object.entries(inputs).map(([name, value]) => JSON.stringify([name, value]));
  return fnv(lines.sort().join("\n"));
}

/** `bundles/<sha256>` of a package of Holdfast that the cluster's authority vouches for. */
export function packageRecordOf({ version }: AgentPackagePlan, nowMs: number): BundleRecord {
  return {
    version: 1,
    sha256: packageSha256(version),
    name: `holdfast-${version}.tgz`,
    sizeBytes: 1,
    by,
    atMs: nowMs,
    package: { version },
    signature: "simulated",
  };
}

/** Stands for the content of the version's package. */
export function packageSha256(version: string): string {
  return sha256Schema.parse(fnv(version).repeat(8));
}

/** `policies/<name>`; `before`: what it replaces. */
export function policyRecordOf(
  policy: PolicyConfig,
  nowMs: number,
  before: PolicyRecord | undefined,
): PolicyRecord {
  return {
    version: 1,
    policy,
    generation: (before?.generation ?? 0) + 1,
    startAtMs: policy.start === undefined ? nowMs : Date.parse(policy.start),
    by,
    addedAtMs: before?.addedAtMs ?? nowMs,
  };
}

/** FNV-1a of 32 bits, as eight hexadecimal digits. */
function fnv(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}
