/** Bounds of the core, each with its derivation; a bound that is reached is a bug and stops the process. */

/**
 * Passes over the changed services in one step. A service takes one step a pass and few in a row, and its own change
 * only ever makes a few others change.
 */
export const managerPassesMax = 100;

/**
 * Looks at what is marked in one step of the fleet. An instance, a rollout or a group takes one step a look and few in a
 * row, and marks only what depends on it.
 */
export const fleetPassesMax = 100;
