/** A push carries a nudge, which is a few hundred bytes; Pub/Sub itself allows messages of 10 MB. */
export const BODY_BYTES_MAX = 1024 * 1024;

/** What one batch of events may be: as many statements serve it as serve one event. */
export const BATCH_EVENTS_MAX = 100;
/** Bodies that are read at once for one batch; a body that is larger comes alone. */
export const BATCH_BODY_BYTES_MAX = 16 * 1024 * 1024;
export const BATCHES_IN_FLIGHT_MAX = 3;
export const QUEUED_EVENTS_MAX = 10_000;
/** Of one organization, so that a crowd of one's events leaves room for everybody else's. */
export const QUEUED_EVENTS_OF_ONE_MAX = 2_500;
/**
 * Values (members, items, lists) of one payload. Reading costs up to some 200 MB at this bound. A body of 25 MB, the largest
 * that GitHub sends, may have a value every 25 bytes; GitHub's own have one every 27 to 60.
 */
export const PAYLOAD_VALUES_MAX = 1_000_000;
