/**
 * What goes with the office of manager outside of the store: hooks, and the floating address. Both begin after the
 * office is held. Before it is given back in order, the address is gone and the follower hook has been run.
 */
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { AddressHolder, HookRunner } from "../../ports/office.ts";
import type { Store } from "../../ports/store.ts";
import type { Term } from "../../runtime/election.ts";
import type { ManagerDesk } from "../../runtime/manager-desk.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { holdForTerm } from "./floating-address.ts";
import { createOfficeHooks, type OfficeHooks } from "./hooks.ts";
import { createStandBack, type StandBack } from "./stand-back.ts";

/** What a server has for the office; both are closed by whoever opened them. */
export interface OfficeParts {
  readonly hooks: HookRunner | undefined;
  readonly address: AddressHolder | undefined;
}

export interface OfficeOptions extends OfficeParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly server: { readonly id: string; readonly name: string };
  /** Whether another server could be manager in this one's place. */
  readonly hasOther: () => boolean;
}

export interface OfficeTerm extends Term {
  /** For what is told in the event log. */
  readonly desk: Pick<ManagerDesk, "write">;
  /** Gives the office to another server. */
  readonly stepDown: (because: string) => void;
}

export interface OfficeDuties {
  /** Before the first candidacy. */
  begin(): void;
  /** For one term; resolves, when it is over, when the office may be given back. */
  lead(term: OfficeTerm): Promise<void>;
  /** How long the office must be vacant before this server stands for it. */
  standBackMs(): number;
  /** From now on an end of a term is the server's own. */
  stopping(): void;
  /** All hooks have ended. */
  ended(): Promise<void>;
  /** What they say last, for a person; undefined: nothing yet. */
  words(): string | undefined;
}

/** An office that is given back in order waits so long for the follower hook; the hook itself goes on. */
const handOverMsMax = 3_000;
const eventMsMax = 1_000;

export function createOfficeDuties(options: OfficeOptions): OfficeDuties {
  const { clock, log, address } = options;
  const hooks = options.hooks && createOfficeHooks({ runner: options.hooks, log: options.log });
  const standBack = createStandBack(clock);
  let addressWords: string | undefined;
  let occasion: "lost" | "stop" = "lost";

  const say = (sentence: string): void => {
    if (sentence === addressWords) return;
    addressWords = sentence;
    log.write("info", sentence);
  };

  async function leadWithHooks(term: OfficeTerm): Promise<void> {
    if (hooks === undefined) return;
    await runLeaderHook({ options, hooks, standBack, term });
    await untilAborted(term.signal);
    const told = hooks.follow(occasion);
    const patience = new AbortController();
    await Promise.race([told, pause(clock, handOverMsMax, patience.signal)]);
    patience.abort();
  }

  return {
    begin: () => hooks?.begin(),
    async lead(term) {
      const held =
        address === undefined
          ? Promise.resolve()
          : holdForTerm({ ...options, serverId: options.server.id, holder: address, say }, term);
      await Promise.all([held, leadWithHooks(term)]);
    },
    standBackMs: () => standBack.waitMs(),
    stopping: () => {
      occasion = "stop";
    },
    ended: () => hooks?.follow("stop") ?? Promise.resolve(),
    words() {
      const said = [hooks?.lastRun(), addressWords].filter((words) => words !== undefined);
      return said.length === 0 ? undefined : said.join("; ");
    },
  };
}

interface HookDuty {
  readonly options: OfficeOptions;
  readonly hooks: OfficeHooks;
  readonly standBack: StandBack;
  readonly term: OfficeTerm;
}

/** Until it has succeeded, or the office is given to another. */
async function runLeaderHook({ options, hooks, standBack, term }: HookDuty): Promise<void> {
  const { log, clock } = options;
  const isUnwanted = standBack.isOn();
  while (!term.signal.aborted) {
    const outcome = await hooks.lead(term.createRevision, term.signal);
    if (outcome === "called-off") return;
    const words = hooks.lastRun();
    if (words !== undefined) await tellEvent(options, term, words);
    if (outcome === "done") return standBack.succeeded();
    const waitMs = standBack.failed();
    if (!isUnwanted && options.hasOther()) {
      return term.stepDown(`${words ?? "its hook failed"}: another server is to be manager`);
    }
    const again = `it is run again in ${Math.round(waitMs / 1_000)} s`;
    log.write("error", `${words}: no other server takes the office, this one stays; ${again}`);
    await pause(clock, waitMs, term.signal);
  }
}

/** While this server is manager still; one that cannot write soon is not waited for, and says so itself. */
async function tellEvent(
  { server, log, clock }: OfficeOptions,
  { desk, signal }: OfficeTerm,
  words: string,
): Promise<void> {
  const reason = { code: "office-hook", server: server.id, name: server.name, words } as const;
  const event = { kind: "cluster", subject: `server/${server.id}`, reason } as const;
  const told = desk.write({ compare: [], operations: [], event }).then((written) => {
    if (!written.ok) log.write("debug", `no event of the hook: ${written.error}`);
  });
  const patience = new AbortController();
  const soon = AbortSignal.any([signal, patience.signal]);
  await Promise.race([told, pause(clock, eventMsMax, soon)]);
  patience.abort();
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
