/** Bounds of the core, each with its derivation; a bound that is reached is a bug and stops the process. */

/** Passes over the changed services in one step: a service's own change only ever makes a few others change. */
export const managerPassesMax = 100;
/** States that one service can go through in one pass: the longest way is started, fence, recovery, started. */
export const transitionsInARowMax = 12;
