/** What `apply` would change: each thing of a file beside what the server has, field by field. */
import type { Client } from "../client/client.ts";
import { compareIds } from "../core/ids.ts";
import { ok, type Result } from "../core/result.ts";
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
  /** `settings` or the service's id. */
  readonly subject: string;
  readonly action: "create" | "change" | "none";
  readonly changes: readonly FieldChange[];
}

export type PlanStep = StepBase &
  (
    | { readonly kind: "settings"; readonly settings: NonNullable<Manifest["settings"]> }
    | {
        readonly kind: "service";
        readonly service: ManifestService;
        /** Revision of what it was compared with; undefined: there is none yet. */
        readonly revision: number | undefined;
      }
  );

/** Compares a file with the server; nothing is changed. */
export async function makePlan(
  client: Client,
  manifest: Manifest,
): Promise<Result<readonly PlanStep[], Failure>> {
  const steps: PlanStep[] = [];
  if (manifest.settings !== undefined) {
    const current = await client.settings();
    if (!current.ok) return failOfApi(current.error);
    const changes = compareFields("", current.value, manifest.settings);
    const action = changes.length > 0 ? "change" : "none";
    steps.push({
      kind: "settings",
      subject: "settings",
      action,
      changes,
      settings: manifest.settings,
    });
  }
  const current = await client.services();
  if (!current.ok) return failOfApi(current.error);
  const known = new Map(current.value.items.map((service) => [service.id, service]));
  for (const service of manifest.services) {
    const before = known.get(service.config.id);
    const changes = compareFields("", before?.config, service.config);
    const change = changes.length > 0 ? "change" : "none";
    const action = before === undefined ? "create" : change;
    const revision = before?.revision;
    steps.push({ kind: "service", subject: service.config.id, action, changes, service, revision });
  }
  return ok(steps);
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
