/** Reads from the end of a play what became of each service, in the core's own words. */
import { sentenceOf } from "../../core/explain/sentence.ts";
import { explainService, type NodeVerdict } from "../../core/explain/why.ts";
import { compareIds, type NodeId, type ServiceId } from "../../core/ids.ts";
import type { ManagerState } from "../../core/manager/state.ts";
import { whyInputOf } from "../../core/manager/why-input.ts";
import { type Freeze, freezeWords } from "../../core/model/freeze.ts";
import { isPlaced, type ServiceStatus } from "../../core/model/service.ts";
import type { Plan } from "../plan.ts";
import type { Decision, Recorder, Track } from "./recorder.ts";

/** What becomes of a touched service that runs in the end, or is not to run. */
export type Outcome = "recovered" | "moved" | "started" | "restarted" | "stopped";

/** A service of which something changed. */
export interface TouchedService {
  readonly service: ServiceId;
  readonly outcome: Outcome;
  /** Where it ran at the moment; undefined: nowhere. */
  readonly from: NodeId | undefined;
  /** Where it runs in the end; undefined: nowhere. */
  readonly to: NodeId | undefined;
  /** How long nobody runs it, in all; undefined: it did not run before, or is not to run any more. */
  readonly awayMs: number | undefined;
  /** When it runs for good, counted from the moment; undefined: it is not to run. */
  readonly runsAfterMs: number | undefined;
  /** Why there, as a sentence. */
  readonly because: string;
}

/** A service that does not get where it should be. */
export interface HeldService {
  readonly service: ServiceId;
  readonly state: string;
  /** Where it ran at the moment; undefined: nowhere. */
  readonly from: NodeId | undefined;
  /** As a sentence. */
  readonly because: string;
  /** What the core says of each other node. */
  readonly nodes: readonly NodeVerdict[];
  /** What a person could do then. */
  readonly next: readonly string[];
}

/** A service that is to run and does not in the end. */
export interface DownService extends HeldService {
  /** It was to run before and did not. */
  readonly wasDown: boolean;
}

/** The end of a play. */
export interface PlayEnd {
  readonly plan: Plan;
  readonly manager: ManagerState;
  readonly recorder: Recorder;
  /** When it was done. */
  readonly momentMs: number;
  /** Why services were as they were before the play. */
  readonly reasons: ReadonlyMap<ServiceId, string>;
}

/** Services that are to run and do not, by id. */
export function downServices(end: PlayEnd): readonly DownService[] {
  const { plan, manager, recorder } = end;
  const wasToRun = new Set(
    plan.services.filter(({ state }) => state === "started").map(({ id }) => id),
  );
  return idsOf(manager).flatMap((service) => {
    const track = recorder.trackOf(service);
    if (!isToRun(manager, service) || track?.runs === true) return [];
    const wasDown = wasToRun.has(service) && track?.before === undefined;
    return [{ ...heldService(end, service, track), wasDown }];
  });
}

/** Services that still run on a node in maintenance, by id. */
export function stuckServices(end: PlayEnd): readonly HeldService[] {
  const { manager, recorder } = end;
  return idsOf(manager).flatMap((service) => {
    const track = recorder.trackOf(service);
    const status = manager.statuses.get(service);
    if (track?.runs !== true || status === undefined || !isPlaced(status)) return [];
    if (manager.nodes.get(status.node)?.state !== "maintenance") return [];
    return [{ ...heldService(end, service, track), because: "no other node may take it" }];
  });
}

function idsOf(manager: ManagerState): readonly ServiceId[] {
  return [...manager.services.keys()].sort(compareIds);
}

function isToRun(manager: ManagerState, id: ServiceId): boolean {
  const service = manager.services.get(id);
  return service?.requested === "started" && !service.removing;
}

function heldService(
  { manager, reasons }: PlayEnd,
  service: ServiceId,
  track: Track | undefined,
): HeldService {
  const status = manager.statuses.get(service);
  const freeze = freezeThatHolds(manager, status);
  const explanation = explainService(whyInputOf(manager, service));
  const state = status?.state ?? "queued";
  const waitsForNode = freeze === undefined && (state === "recovery" || state === "queued");
  const isAsBefore = track === undefined || track.decisions.length === 0;
  const reason = status === undefined ? "" : sentenceOf(status.reason);
  const known = isAsBefore ? (reasons.get(service) ?? reason) : reason;
  const because = waitsForNode ? sentenceOf({ code: "no-node-online" }) : known;
  return {
    service,
    state,
    from: track?.before,
    because: freeze === undefined ? because : `the cluster is ${freezeWords(freeze)}`,
    nodes: explanation.nodes.filter(({ verdict }) => verdict !== "here"),
    next: waitsForNode ? [] : explanation.next,
  };
}

/** The freeze, where it alone keeps the service from being placed or recovered: it has no node, or a lost one. */
function freezeThatHolds(
  { freeze, nodes }: ManagerState,
  status: ServiceStatus | undefined,
): Freeze | undefined {
  if (freeze?.failover !== "held" || status === undefined) return undefined;
  if (status.state === "error" || status.state === "ignored") return undefined;
  if (!isPlaced(status) || status.state === "recovery") return freeze;
  return nodes.get(status.node)?.lostAtMs === undefined ? undefined : freeze;
}

/** Services of which something changed: those that run in the order in which they do, then those that do not. */
export function touchedServices(end: PlayEnd): readonly TouchedService[] {
  const all = new Set([...end.manager.services.keys(), ...end.recorder.services()]);
  const touched = [...all].flatMap((service) => {
    const track = end.recorder.trackOf(service);
    return track === undefined || !isTouched(track) ? [] : [touchedService(end, service, track)];
  });
  return touched.sort(
    (left, right) => orderOf(left) - orderOf(right) || compareIds(left.service, right.service),
  );
}

function orderOf({ runsAfterMs }: TouchedService): number {
  return runsAfterMs ?? Number.MAX_VALUE;
}

function isTouched({ before, lastOn, runs, awayMs }: Track): boolean {
  return runs ? before !== lastOn || awayMs > 0 : before !== undefined;
}

function touchedService(end: PlayEnd, service: ServiceId, track: Track): TouchedService {
  const { before, lastOn, runs, awayMs, backAtMs, decisions } = track;
  const to = runs ? lastOn : undefined;
  return {
    service,
    outcome: outcomeOf(track),
    from: before,
    to,
    awayMs: runs && before !== undefined ? awayMs : undefined,
    runsAfterMs: runs && backAtMs !== undefined ? backAtMs - end.momentMs : undefined,
    because: (to === undefined ? decisions[0] : causeOf(decisions, to))?.reason ?? "",
  };
}

function outcomeOf({ runs, before, lastOn, decisions }: Track): Outcome {
  if (!runs) return "stopped";
  if (before === undefined) return "started";
  if (decisions.some(({ state }) => state === "recovery")) return "recovered";
  return before === lastOn ? "restarted" : "moved";
}

/** The decision that brought it where it is in the end: the first of the last ones that all name that node. */
function causeOf(decisions: readonly Decision[], to: NodeId): Decision | undefined {
  let cause: Decision | undefined;
  for (const decision of decisions) {
    const goal = decision.target ?? decision.node;
    if (goal === undefined) continue;
    if (goal !== to) cause = undefined;
    else cause ??= decision;
  }
  return cause ?? decisions.at(-1);
}
