/** Times and sizes of the etcd client. */

/** A member that has not answered a read by then is asked no more: most answers take a millisecond or two. */
export const readAttemptMs = 1_500;
/** A write waits longer: giving it up makes its outcome unknown. */
export const writeAttemptMs = 2_000;
/** An attempt with less time than this is not made. */
export const attemptMsMin = 300;
/** All attempts of one call together. */
export const overallMs = 5_000;
/** Calls that are under way at the same time; more would only wait in etcd, and be given up there. */
export const callsAtOnceMax = 256;
/** Pause before something is tried elsewhere; so many callers together cannot spin. */
export const retryPauseMs = 50;
/** Largest answer, in bytes. A range that would be larger is read in smaller pages. */
export const receiveBytesMax = 67_108_864;

/** How often a member is asked whether it still belongs to a quorum, and a watch whether it is still served. */
export const heartbeatMs = 1_000;
/** One that takes longer may be frozen or cut off: the others are asked too, and whichever answers first is used. */
export const heartbeatAnswerMs = 700;
/** Where every member is slow, as on a leader whose disk is, an answer is waited for so long at most. */
export const patienceMsMax = 4_000;
/** A stream of renewals that answers none for so long may hang on a leader of etcd's that is gone. */
export const renewalSilenceMsMax = 500;
/** A stream that says nothing for so long is given up, though it is asked to say something every second. */
export const silenceMsMax = 2_200;
/** Before the preferred member is tried again after it had failed. */
export const returnAfterMs = 5_000;
