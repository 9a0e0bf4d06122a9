/** Follows an upgrade of the control plane until it is over or needs somebody; servers come and go meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiError } from "../../../client/api-error.ts";
import type { Client } from "../../../client/client.ts";
import type { UpgradeResource } from "../../../wire/control-plane/upgrades.ts";
import { done, fail, failOfApi, type Outcome } from "../../failure.ts";
import { createProgress } from "../../progress.ts";
import type { Session } from "../../session.ts";
import { upgradeLine, upgradeText } from "./upgrade-text.ts";

/** No stream outlives the server that it comes from, so it is asked instead. */
const askEveryMs = 500;
/** All servers may be away for so long: the only one of them is started again, or their store elects a leader. */
const silenceMsMax = 120_000;
/** Servers that say why they cannot tell it yet are at work: as long as agents are told to expect nobody. */
const unreadyMsMax = 600_000;
/** A server that changes is away for less; only beyond it a person is told. */
const sayAfterMs = 3_000;

/** Ends with exit code 0 when it is done, else with 1 and why. */
export async function followUpgrade(session: Session, client: Client): Promise<Outcome> {
  const progress = createProgress(session.io);
  const quiet = createQuiet(session);
  try {
    for (;;) {
      const answer = await client.upgrade();
      if (session.io.signal.aborted) {
        return fail(130, "interrupted; the upgrade goes on", "see: holdfast upgrade status");
      }
      if (answer.ok) {
        quiet.heard();
        const { upgrade } = answer.value;
        if (upgrade === null || !isMoving(upgrade)) {
          progress.end();
          session.print(answer.body, () => upgradeText(session, upgrade));
          return endOf(upgrade);
        }
        progress.show("upgrade", stepLine(upgrade));
      } else {
        if (!mayPass(answer.error)) return failOfApi(answer.error);
        const { line, isTooLong } = quiet.missed(answer.error);
        if (isTooLong) {
          const hint = "it goes on without this command; see: holdfast upgrade status";
          return fail(1, answer.error.message, hint);
        }
        if (line !== undefined) progress.show("upgrade", line);
      }
      await sleep(askEveryMs);
    }
  } finally {
    progress.end();
  }
}

interface Quiet {
  /** The upgrade was told. */
  heard(): void;
  /** It was not; the line is for a person, once it has lasted. */
  missed(error: ApiError): { readonly line: string | undefined; readonly isTooLong: boolean };
}

/** How long nothing was heard of the upgrade, and of any server. */
function createQuiet({ io }: Session): Quiet {
  let heardAtMs = io.nowMs();
  let answeredAtMs = heardAtMs;
  return {
    heard() {
      heardAtMs = io.nowMs();
      answeredAtMs = heardAtMs;
    },
    missed(error) {
      const nowMs = io.nowMs();
      const isAnswer = error.kind === "problem";
      if (isAnswer) answeredAtMs = nowMs;
      // Of several servers that are not there each turn names another one: that is no news.
      const words = isAnswer ? `not ready yet: ${error.message}` : "no server answers; asks on";
      return {
        line: nowMs - heardAtMs < sayAfterMs ? undefined : words,
        isTooLong: nowMs - answeredAtMs > silenceMsMax || nowMs - heardAtMs > unreadyMsMax,
      };
    },
  };
}

function isMoving({ state }: UpgradeResource): boolean {
  return state === "running" || state === "aborting";
}

function mayPass({ kind, code }: ApiError): boolean {
  return kind !== "problem" || code === "unavailable" || code === "too-many";
}

function stepLine({ steps, state, to }: UpgradeResource): string {
  const step = steps.find((each) => each.state === "running" || each.state === "undoing");
  const count = steps.filter((each) => each.state === "done").length;
  const words =
    step === undefined ? "" : `: ${step.name}${step.detail === "" ? "" : `: ${step.detail}`}`;
  const way = state === "aborting" ? "goes back" : `to ${to.version}`;
  return `${way}, ${count} of ${steps.length} steps${words}`;
}

function endOf(upgrade: UpgradeResource | null): Outcome {
  if (upgrade === null || upgrade.state === "done" || upgrade.state === "aborted") return done;
  return fail(1, upgradeLine(upgrade));
}
