/** What the embedded stores accept at most, so that no caller can fill memory or disk by accident. */

/** Longest key, in UTF-8 bytes. */
export const keyBytesMax = 1_024;
/** Largest value, in UTF-8 bytes of its JSON. */
export const valueBytesMax = 1_048_576;
/** Deepest nesting of a value. */
export const jsonDepthMax = 100;
/** Operations (in one branch) and comparisons of one transaction. */
export const operationsMax = 1_000;
/** All values of one transaction together, in bytes. */
export const txnBytesMax = 8 * 1_048_576;

/** Writes that may wait for their turn; a turn takes milliseconds, so a full queue means a runaway caller. */
export const queuedWritesMax = 10_000;
/** What waiting writes may hold together, in bytes. */
export const queuedBytesMax = 64 * 1_048_576;
/** Writes that share one commit. */
export const groupWritesMax = 1_000;
/** What the writes of one commit may hold together, in bytes, save that one write always fits. */
export const groupBytesMax = 16 * 1_048_576;

/** Revisions that are kept for watches to replay. */
export const historyRevisionsMaxDefault = 10_000;
/** What the kept revisions may hold together, in bytes. */
export const historyBytesMaxDefault = 64 * 1_048_576;
/** Revisions that a watch reads from history at once. */
export const replayRevisionsMax = 256;

/** Longest time to live of a lease, in milliseconds: a day. */
export const leaseTtlMsMax = 86_400_000;
/** Leases at a time. */
export const leasesMax = 100_000;
/** Watches at a time. */
export const watchesMax = 10_000;

/** First and longest pause before the end of a lease that could not be written is tried again, in milliseconds. */
export const expiryRetryMsMin = 100;
export const expiryRetryMsMax = 5_000;
