/** Whether the memory that services state would still be there after the loss of nodes that the settings name. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import {
  type AdmissionInput,
  type AdmissionVerdict,
  checkAdmission,
} from "../../core/placement/admission.ts";
import type { Rulebook } from "../../core/placement/rulebook.ts";
import { intoleranceOf } from "../../core/placement/taints.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import type { ServiceConfig } from "../../wire/service-config.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { compile, ruleFactsOf, withEntry } from "./rulebook.ts";

/** A node that does not say what it has takes whatever it is given, as for the manager. */
const unstatedMemoryBytes = 2 ** 50;
const namedMax = 10;

/**
 * What stands against the configuration: refused, or a warning, as the settings say. A configuration that needs no more than
 * before is let in even where memory is short already.
 */
export function checkRoom(
  tables: ViewTables,
  config: ServiceConfig,
): Result<readonly string[], Problem> {
  const admission = tables.settings.value.admission ?? undefined;
  if (admission === undefined || needOf(config) === 0) return ok([]);
  const after = verdictOf(tables, admission.losses, config);
  if (after.fits) return ok([]);
  const before = tables.services.get(config.id)?.value.config;
  const isMore = before === undefined || needOf(config) > needOf(before);
  if (!isMore && !verdictOf(tables, admission.losses, before).fits) return ok([]);
  const sentence = sentenceOf(config.id, after);
  return admission.action === "warn" ? ok([sentence]) : err(problemOf("refused", sentence));
}

function verdictOf(tables: ViewTables, losses: number, config: ServiceConfig): AdmissionVerdict {
  const facts = ruleFactsOf(tables);
  const rulebook = compile({
    ...facts,
    services: withEntry(facts.services, config.id, config.group),
  });
  const others = [...tables.services.values()]
    .filter(({ value }) => value.config.id !== config.id && !value.removing)
    .map(({ value }) => value.config);
  return checkAdmission({
    losses,
    nodes: [...tables.nodes].map(([node, { value }]) => ({
      node,
      memoryBytes: value.capacity?.memoryBytes ?? unstatedMemoryBytes,
      cpuCores: value.capacity?.cpuCores ?? 0,
    })),
    services: [...others, config].flatMap((service) => demandOf(tables, service, rulebook)),
  });
}

function demandOf(
  tables: ViewTables,
  config: ServiceConfig,
  rulebook: Rulebook,
): AdmissionInput["services"] {
  const memoryBytes = needOf(config);
  if (memoryBytes === 0) return [];
  return [{ service: config.id, memoryBytes, allowed: allowedNodes(tables, config, rulebook) }];
}

/** The nodes that strict rules and taints leave; undefined: all. */
function allowedNodes(
  tables: ViewTables,
  { id, tolerations }: ServiceConfig,
  rulebook: Rulebook,
): readonly NodeId[] | undefined {
  const affinity = rulebook.nodeAffinity.get(id);
  const ruled = affinity?.strict === true ? [...affinity.priorities.keys()] : undefined;
  const isClosed = (node: NodeId): boolean =>
    intoleranceOf(tolerations, tables.nodes.get(node)?.value.taints ?? []) !== undefined;
  const nodes = ruled ?? [...tables.nodes.keys()];
  if (!nodes.some(isClosed)) return ruled;
  return nodes.filter((node) => !isClosed(node));
}

/** Memory that must be found for it wherever it goes. */
function needOf(config: ServiceConfig): number {
  const counts = config.state === "started" && !config.mayOvercommit;
  return counts ? (config.limits?.memoryBytes ?? 0) : 0;
}

function sentenceOf(service: ServiceId, verdict: AdmissionVerdict): string {
  const { worst, neededBytes, availableBytes, unplaced } = verdict;
  const lost = worst.length === 0 ? "already now" : `after the loss of ${worst.join(", ")}`;
  const named = unplaced.slice(0, namedMax).join(", ");
  const more = unplaced.length > namedMax ? ` and ${unplaced.length - namedMax} more` : "";
  return (
    `with ${service}, memory would not suffice ${lost}: ${inMebibytes(neededBytes)} are needed, ` +
    `${inMebibytes(availableBytes)} would be left, and there would be no room for ${named}${more}`
  );
}

function inMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MiB`;
}
