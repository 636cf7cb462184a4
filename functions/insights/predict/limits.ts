/** Of a request; one command alone may have 64 KiB, and JSON can write a byte as six. */
export const PREDICT_BODY_BYTES_MAX = 1024 * 1024;
export const COMMANDS_MAX = 100;
export const MAX_USD_MAX = 1_000_000;
export const FAULTS_MAX = 20;
