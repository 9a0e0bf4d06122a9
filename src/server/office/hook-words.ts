/** How a hook's run ended, in words for log, events and lists. */
import { assertNever } from "../../core/assert.ts";
import { spanOf } from "../../core/explain/sentences/words.ts";
import type { HookOutcome, OfficeRole } from "../../ports/office.ts";

/** Whether the program did what it is for. */
export function isSuccess(outcome: HookOutcome): boolean {
  return outcome.kind === "exited" && outcome.exitCode === 0;
}

/** A sentence, without a full stop. */
export function hookWords(role: OfficeRole, outcome: HookOutcome): string {
  const hook = `the ${role} hook`;
  switch (outcome.kind) {
    case "exited":
      return `${hook} ended with exit code ${outcome.exitCode}`;
    case "killed":
      return `${hook} was ended by ${outcome.signal}`;
    case "timed-out":
      return `${hook} was ended: it took longer than ${spanOf(outcome.afterMs)}`;
    case "called-off":
      return `${hook} was ended: this server is the manager no more`;
    case "not-started":
      return `${hook} cannot be started: ${outcome.because}`;
    default:
      return assertNever(outcome);
  }
}
