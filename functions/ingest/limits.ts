/** What one request may carry. The body limit holds before and after inflating. */
export const BODY_BYTES_MAX = 10 * 1024 * 1024;
export const RECORDS_MAX = 5_000;

/** What one answer may say: faults and warnings of one record, and of all together. */
export const FAULTS_MAX = 20;
export const ANSWER_FAULTS_MAX = 1_000;
