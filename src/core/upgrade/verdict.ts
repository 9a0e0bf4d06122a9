/** What is to become of one step, and what all steps have in common. */
import type { ServerFact, ServerOrder, UpgradeAct, UpgradeFacts, UpgradeWrite } from "./facts.ts";
import type { ControlPlaneUpgrade, UpgradeStep } from "./model.ts";

/** `detail` says what is waited for, what came of it, or why it cannot be done. */
export type Verdict =
  | { readonly kind: "wait"; readonly detail: string; readonly writes?: readonly UpgradeWrite[] }
  | { readonly kind: "act"; readonly act: UpgradeAct; readonly detail: string }
  | { readonly kind: "done"; readonly detail: string; readonly writes?: readonly UpgradeWrite[] }
  | { readonly kind: "failed"; readonly detail: string }
  /** The way back is closed: what is left is the way on. */
  | { readonly kind: "refused"; readonly detail: string };

/** What a step is judged by. */
export interface StepContext {
  readonly upgrade: ControlPlaneUpgrade;
  readonly step: UpgradeStep;
  readonly facts: UpgradeFacts;
  /** How long it has been under way, in ms. */
  readonly ageMs: number;
}

/** Has it done beside the store, and goes by what came of it. */
export function byAct({ step, facts }: StepContext, act: UpgradeAct, detail: string): Verdict {
  const result = facts.act?.name === step.name ? facts.act : undefined;
  if (result === undefined) return { kind: "act", act, detail };
  return { kind: result.outcome, detail: result.detail };
}

/** What a server is told in this attempt; `back`: to become what it was. */
export function orderOf(
  upgrade: ControlPlaneUpgrade,
  word: "prepare" | "switch" | "back",
  { id: server }: Pick<ServerFact, "id">,
): ServerOrder {
  const { id, attempt, from, to, schema } = upgrade;
  return {
    id: `${id}/${attempt}/${word}/${server}`,
    order: word === "prepare" ? "prepare" : "switch",
    package: word === "back" ? { version: from, sha256: undefined } : to,
    schema: word === "back" ? schema.from : schema.to,
  };
}

/** What the agents are told in this attempt, forth or back. */
export function agentOrderOf({ id, attempt }: ControlPlaneUpgrade, version: string): string {
  return `${id}/${attempt}/${version}`;
}

/** How far one server is with what it was told. */
export type OrderVerdict =
  | { readonly kind: "tell"; readonly order: ServerOrder }
  | { readonly kind: "wait"; readonly detail: string }
  | { readonly kind: "there" }
  | { readonly kind: "failed"; readonly detail: string };

/** Tells the server its order once, then goes by its report of this very order. */
export function followOrder(server: ServerFact, order: ServerOrder): OrderVerdict {
  if (server.order?.id !== order.id) return { kind: "tell", order };
  const report = server.report?.id === order.id ? server.report : undefined;
  const wanted = order.order === "prepare" ? "prepared" : "healthy";
  switch (report?.state) {
    case undefined:
    case "waiting":
    case "prepared":
    case "switched":
    case "healthy":
      if (report?.state === wanted) return { kind: "there" };
      return { kind: "wait", detail: wordsOf(server, report) };
    case "failed":
    case "rolled-back":
      return { kind: "failed", detail: `server ${labelOf(server)}: ${report.detail}` };
  }
}

function wordsOf(
  server: ServerFact,
  report: { readonly state: string; readonly detail: string } | undefined,
): string {
  const away = server.isAlive ? "" : ", which is not heard of now";
  const said = report === undefined ? "has not answered yet" : `is ${report.state}`;
  const more = report === undefined || report.detail === "" ? "" : `: ${report.detail}`;
  return `server ${labelOf(server)}${away} ${said}${more}`;
}

/** As people know it. */
export function labelOf({ id, name }: Pick<ServerFact, "id" | "name">): string {
  return `${id} "${name}"`;
}
