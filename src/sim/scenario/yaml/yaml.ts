/** Scenarios in the project's own form, which people write by hand; docs/simulator.md describes it. */
import * as z from "zod";
import { err, ok, type Result } from "../../../core/result.ts";
import { profileNames, type Settings, settingsSchema } from "../../../wire/settings.ts";
import type { Plan, TimedAction } from "../../plan.ts";
import { fleetFields, readFleet } from "../fleet/read-fleet.ts";
import { readSteps } from "../steps/steps.ts";
import { readGroups, readNodes, readRules, readServices, readUsage } from "./cluster.ts";
import { contradictionsOf, cycleOf } from "./consistency.ts";
import { type Path, readDocument, type ScenarioDocument } from "./document.ts";
import { readInitial } from "./initial.ts";
import { createReferences } from "./names.ts";
import { type Fault, Faults, readPart } from "./parts.ts";
import { duration, paceSchema } from "./schemas.ts";
import { withDurations } from "./settings-input.ts";

/** How long a play goes on after its last step when nobody says. */
const calmMs = 300_000;

const topSchema = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  /** For people. */
  description: z.string().max(10_000).optional(),
  seed: z.int().min(0).default(1),
  profile: z.enum(profileNames).optional(),
  settings: z.unknown().optional(),
  pace: paceSchema.prefault({}),
  nodes: z.unknown().optional(),
  services: z.unknown().optional(),
  groups: z.unknown().optional(),
  rules: z.unknown().optional(),
  /** Rules that contradict each other are let in, and the manager shows which ones it ignores. */
  contradictions: z.enum(["allow", "refuse"]).default("refuse"),
  usage: z.unknown().optional(),
  initial: z.unknown().optional(),
  ...fleetFields,
  steps: z.unknown().optional(),
  until: duration.optional(),
});
type Top = z.output<typeof topSchema>;

/** The plan, or each fault as one line with file, line, column, field and what is wrong. */
export function planOfYaml(text: string, fileName: string): Result<Plan, readonly string[]> {
  const document = readDocument(text);
  if (!document.ok) {
    const { place, message } = document.error;
    return err([`${fileName} line ${place.line}, column ${place.column}: ${message}`]);
  }
  const faults = new Faults();
  const plan = readPlan(document.value.data, faults);
  if (plan !== undefined && faults.all.length === 0) {
    return ok(plan.name === "" ? { ...plan, name: nameOfFile(fileName) } : plan);
  }
  return err(linesOf(faults.all, document.value, fileName));
}

function nameOfFile(fileName: string): string {
  const base = fileName.slice(fileName.lastIndexOf("/") + 1);
  return base.replace(/\.(?:ya?ml|json)$/, "");
}

function linesOf(
  faults: readonly Fault[],
  document: ScenarioDocument,
  fileName: string,
): readonly string[] {
  const placed = faults.map((fault) => ({ ...fault, place: document.placeOf(fault.path) }));
  placed.sort(
    (left, right) => left.place.line - right.place.line || left.place.column - right.place.column,
  );
  const lines = placed.map(({ place, path, message }) => {
    const field = path.length === 0 ? "" : `${fieldText(path)}: `;
    return `${fileName} line ${place.line}, column ${place.column}: ${field}${message}`;
  });
  return [...new Set(lines)];
}

/** As people write it: `steps[2].power off`. */
function fieldText(path: Path): string {
  return path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");
}

function readPlan(data: unknown, faults: Faults): Plan | undefined {
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    faults.add([], "write fields such as nodes, services and steps");
    return undefined;
  }
  const top = readTop(data, faults);
  if (top === undefined) return undefined;
  const references = createReferences(data);
  const settings = readSettings(top, faults);
  const nodes = readNodes(top.nodes, faults);
  const services = readServices(top.services, references, faults);
  const groups = readGroups(top.groups, references, faults);
  const rules = readRules(top.rules, references, faults);
  const usage = readUsage(top.usage, references, faults);
  const initial = readInitial(top.initial, references, faults);
  const fleet = readFleet(top, references, faults);
  const actions = readSteps(top.steps, { references, settings }, faults);
  if (faults.all.length === 0) {
    checkTogether({ nodes, services, groups, rules, actions }, top.contradictions, faults);
  }
  return {
    name: top.name ?? "",
    seed: top.seed,
    settings,
    pace: top.pace,
    nodes,
    services,
    groups,
    rules,
    usage,
    initial,
    ...(fleet === undefined ? {} : { fleet }),
    actions,
    endAtMs: endOf(top.until, actions, faults),
  };
}

/** Faults of single fields are no reason not to look into the others: they are read as if these were not there. */
function readTop(data: object, faults: Faults): Top | undefined {
  const top = readPart(topSchema, data, [], faults);
  if (top !== undefined) return top;
  const broken = new Set(faults.all.map(({ path }) => path[0]));
  const rest = Object.entries(data).filter(([field]) => !broken.has(field));
  return topSchema.safeParse(Object.fromEntries(rest)).data;
}

function endOf(until: number | undefined, actions: readonly TimedAction[], faults: Faults): number {
  const lastMs = actions.at(-1)?.atMs ?? 0;
  if (until !== undefined && until < lastMs) {
    faults.add(["until"], "it ends before its last step");
  }
  return until ?? lastMs + calmMs;
}

function readSettings(top: Top, faults: Faults): Settings {
  const { profile, settings: said } = top;
  const fallback = settingsSchema.parse({});
  const fields = said === undefined || said === null ? {} : withDurations(said);
  if (fields === undefined) {
    faults.add(["settings"], "write fields, as in the settings of a cluster");
    return fallback;
  }
  if (profile !== undefined && "profile" in fields && fields.profile !== profile) {
    faults.add(["settings", "profile"], `it is "${profile}" above: write it once`);
  }
  const whole = profile === undefined ? fields : { profile, ...fields };
  return readPart(settingsSchema, whole, ["settings"], faults) ?? fallback;
}

type Together = Pick<Plan, "nodes" | "services" | "groups" | "rules" | "actions">;

function checkTogether(plan: Together, contradictions: "allow" | "refuse", faults: Faults): void {
  const cycle = cycleOf(plan.services, plan.actions);
  if (cycle !== undefined) {
    faults.add(["services"], `these wait for each other: ${cycle.join(" -> ")}`);
  }
  if (contradictions === "allow") return;
  for (const { rule, because } of contradictionsOf(plan)) {
    faults.add(
      ["rules", rule],
      `it cannot hold: ${because}; "contradictions: allow" lets it in all the same`,
    );
  }
}
