/** etcd's refusals of changes to its members, told apart by its words: they have no codes of their own. */
import type { MemberError } from "../../../ports/members.ts";
import { type CallFailure, verdictOf } from "../client/failure.ts";

const kinds: readonly (readonly [RegExp, MemberError["kind"]])[] = [
  [/too many learner members/, "too-many-learners"],
  [/learner member which is in sync with leader/, "not-in-sync"],
  [/unhealthy cluster/, "unhealthy-cluster"],
  [/not enough started members/, "not-enough-started"],
  [/member not found/, "not-found"],
  [/Peer URLs already exists|member ID already exist/, "already-member"],
  [/can only promote a learner member$/, "not-a-learner"],
];

/** For a change of the members. */
export function changeErrorOf(failure: CallFailure): MemberError {
  const known = failure.wasSent ? kinds.find(([words]) => words.test(failure.details)) : undefined;
  if (known !== undefined) return { kind: known[1], message: failure.details };
  const { kind, message } = verdictOf(failure);
  if (kind === "not-done") return { kind: "unavailable", message };
  return { kind: kind === "refused" ? "refused" : "unknown-outcome", message };
}

/** For a question, whose outcome is never unknown. */
export function readErrorOf(failure: CallFailure): MemberError {
  const { kind, message } = verdictOf(failure);
  return { kind: kind === "refused" ? "refused" : "unavailable", message };
}
