/** Bounds of what bundles may take; how large they may be is a setting of the cluster. */

/** Bundles that may be kept. */
export const bundlesMax = 1_000;
/** Disk space that a bundle must leave to everything else, in bytes: the store writes there too. */
export const spareBytes = 268_435_456;
/** Pushes that a server takes at once. */
export const pushesMax = 8;
/** Bundles that a server sends at once. */
export const sendsMax = 64;
/** Requests that may wait for a bundle's copies at once. */
export const waitsMax = 256;
/** Verifications that people may have ordered at once; each server reads one copy at a time. */
export const checksMax = 16;
/** Bundles that a server fetches at once. */
export const fetchesMax = 2;
/** A sender of whom nothing comes for so long is given up. */
export const idleMsMax = 30_000;
/** How long another server has to begin with its answer. */
export const peerAnswerMsMax = 10_000;
/** How long another server may read its copy. */
export const peerCheckMsMax = 600_000;
/** Wait after a failed fetch; doubled each time up to the most. */
export const retryMsMin = 500;
export const retryMsMax = 60_000;
/** Bytes that are read and hashed at a time: about a millisecond of work. */
export const chunkBytes = 262_144;
