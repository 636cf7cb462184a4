/** What one request may carry. The body limit holds before and after inflating. */
export const BODY_BYTES_MAX = 10 * 1024 * 1024;
export const RECORDS_MAX = 5_000;
