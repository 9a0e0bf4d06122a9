/**
 * What the manager's server has to write beside the core's decisions goes over this desk: the manager writes it in its
 * own line, conditional on its election (S5) and together with the event, so that events have one writer.
 */
import { err, ok, type Result } from "../core/result.ts";
import type { Compare, Operation } from "../ports/store.ts";
import type { EventFacts } from "./event-operations.ts";

/** One transaction that is wanted. */
export interface DeskOrder {
  readonly compare: readonly Compare[];
  readonly operations: readonly Operation[];
  /** What people are told of it. */
  readonly event?: EventFacts | undefined;
}

/** `changed`: a condition did not hold, and nothing was written. */
export type DeskOutcome = "written" | "changed";

/** The manager's side: it takes orders one by one. */
export interface PendingOrder extends DeskOrder {
  settle(outcome: Result<DeskOutcome, string>): void;
}

export interface ManagerDesk {
  /** Has it written. The error says that the manager cannot write now, or is none any more: the outcome is not known. */
  write(order: DeskOrder): Promise<Result<DeskOutcome, string>>;
  /** The next one that waits. */
  take(): PendingOrder | undefined;
  /** Who is told that one has come. */
  onOrder(wake: () => void): void;
  /** All that are not settled, and all later ones, are refused: the time of office is over. */
  close(): void;
}

/** Orders that may wait; whoever gives them waits for each. */
const waitingMax = 100;

/** A desk for one time of office. */
export function createManagerDesk(): ManagerDesk {
  const waiting: PendingOrder[] = [];
  const open = new Set<PendingOrder>();
  let wake = (): void => undefined;
  let isClosed = false;
  return {
    write(order) {
      if (isClosed) return Promise.resolve(err(closedWords));
      if (waiting.length >= waitingMax) return Promise.resolve(err("too many orders wait"));
      return new Promise((resolve) => {
        const pending: PendingOrder = {
          ...order,
          settle(outcome) {
            open.delete(pending);
            resolve(outcome);
          },
        };
        open.add(pending);
        waiting.push(pending);
        wake();
      });
    },
    take: () => waiting.shift(),
    onOrder(next) {
      wake = next;
    },
    close() {
      isClosed = true;
      waiting.length = 0;
      for (const order of [...open]) order.settle(err(closedWords));
    },
  };
}

const closedWords = "this server is not the manager any more";

/** What became of a transaction of the desk. */
export function outcomeOf(succeeded: boolean): Result<DeskOutcome, string> {
  return ok(succeeded ? "written" : "changed");
}
