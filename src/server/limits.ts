/** Bounds of everything in the server that could grow. */

/** Largest request body, in bytes. */
export const bodyBytesMax = 1_048_576;
/** How long a body may take to arrive: a mebibyte on a slow line. */
export const bodyWithinMs = 30_000;
/** Longest name in a path, in characters. */
export const paramLengthMax = 300;
/** Requests that are being answered at once, streams not counted. */
export const requestsMax = 1_000;
/** Open event streams of agents: as many as there may be nodes, and those that come back meanwhile. */
export const agentStreamsMax = 25_000;
/** Open event streams of people. */
export const personStreamsMax = 1_000;
/** Bytes that may wait for a slow reader of a stream before it is dropped. */
export const streamBufferBytesMax = 4_194_304;
/** A comment line in every stream so often, as a sign of life. */
export const streamCommentEveryMs = 5_000;
/** Log requests that wait for an agent or are being piped. */
export const logRequestsMax = 100;
/** Commands beside services that wait for an agent or run. */
export const execsMax = 100;
/** How long a person's request may take to say which command is to be run. */
export const execOpenWithinMs = 10_000;
/** How long an agent has to begin with its answer to what a person wants of it. */
export const agentAnswerWithinMs = 5_000;
/** Life of the record that brings such a wish to the server that holds the agent's stream; longer than that. */
export const agentOrderTtlMs = 10_000;
export const servicesMax = 10_000;
export const nodesMax = 20_000;
export const groupsMax = 1_000;
export const haGroupsMax = 10_000;
export const rulesMax = 1_000;
export const definitionsMax = 10_000;
export const deploymentsMax = 2_000;
export const policiesMax = 1_000;
/** How long the answer to an order about a rollout waits for the manager's word. */
export const rolloutOrderWithinMs = 5_000;
export const tokensMax = 10_000;
/** Logins and tokens that one user may have at a time. */
export const ownTokensMax = 100;
export const usersMax = 1_000;
export const auditKeptMax = 10_000;
/** Requests that wait for the next entry of the audit; beyond it they are answered at once. */
export const auditWaitersMax = 200;
/** How often a change is tried again when another one came first. */
export const changeAttemptsMax = 8;
/** How long an answer waits for this server's view to show the revision that it must show. */
export const viewWithinMs = 5_000;
