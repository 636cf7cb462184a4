/** A push carries a nudge, which is a few hundred bytes; Pub/Sub itself allows messages of 10 MB. */
export const BODY_BYTES_MAX = 1024 * 1024;

/** What one batch of events may be: as many statements serve it as serve one event. */
export const BATCH_EVENTS_MAX = 100;
/** Bodies that are read at once for one batch; a body that is larger comes alone. */
export const BATCH_BODY_BYTES_MAX = 16 * 1024 * 1024;
export const BATCHES_IN_FLIGHT_MAX = 3;
/** Fewer and so larger batches cost the database less, and leave room for others. */
export const BATCHES_IN_FLIGHT_OF_ONE_MAX = 2;
export const QUEUED_EVENTS_MAX = 10_000;
/** Of one organization, so that a crowd of one's events leaves room for everybody else's. */
export const QUEUED_EVENTS_OF_ONE_MAX = 2_500;
