/** Bounds of everything in the server that could grow. */

/** Largest request body, in bytes. */
export const bodyBytesMax = 1_048_576;
/** Longest name in a path, in characters. */
export const paramLengthMax = 300;
/** Requests that are being answered at once, streams not counted. */
export const requestsMax = 1_000;
/** Open event streams of people and agents, each. */
export const streamsMax = 1_000;
/** Bytes that may wait for a slow reader of a stream before it is dropped. */
export const streamBufferBytesMax = 4_194_304;
/** A comment line in every stream so often, as a sign of life. */
export const streamCommentEveryMs = 5_000;
/** Log requests that wait for an agent or are being piped. */
export const logRequestsMax = 100;
/** How long an agent has to begin with its answer to a log request. */
export const logAnswerWithinMs = 5_000;
export const servicesMax = 10_000;
export const nodesMax = 5_000;
export const groupsMax = 1_000;
export const rulesMax = 1_000;
export const tokensMax = 10_000;
export const auditKeptMax = 10_000;
/** How often a change is tried again when another one came first. */
export const changeAttemptsMax = 8;
/** How long an answer waits for this server's view to show the revision that it must show. */
export const viewWithinMs = 5_000;
