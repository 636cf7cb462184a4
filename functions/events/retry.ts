import { DatabaseError } from "pg";
import { isPassing } from "../../shared/postgres/pool.ts";
import { TooComplexBody } from "./too-complex-body.ts";
import { UnreadableBody } from "./unreadable-body.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The longest wait after each failed try, in milliseconds; after the eighth there is none. */
const DELAYS_MAX_MS = [
  2 * MINUTE_MS,
  8 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  6 * HOUR_MS,
  12 * HOUR_MS,
  24 * HOUR_MS,
] as const;

export const ATTEMPTS_MAX = DELAYS_MAX_MS.length + 1;

/** How long a worker may take for an event before it is taken for dead, in milliseconds. */
const WORK_MS = 90_000;

/**
 * How long an event is its worker's, by the number of the try (the last is for all that follow). A worker that ends tells
 * when the next try is to be; what a dead one leaves behind is put off like what failed, from the third try on, as the event
 * itself may be what ends its workers.
 */
export const LEASES_MS: readonly number[] = [
  WORK_MS,
  ...DELAYS_MAX_MS.map((delay, index) => (index === 0 ? WORK_MS : WORK_MS + delay)),
];

/**
 * How long to wait after a failed try, counted from 1, or null when it was the last. Full jitter: any time up to the bound,
 * so that what failed together does not come back together.
 */
export function retryDelayMs(attempt: number, random: () => number): number | null {
  const longest = DELAYS_MAX_MS[attempt - 1];
  return longest === undefined ? null : Math.round(random() * longest);
}

/** Why an event could not be processed, in words without any of its contents. */
export interface Failure {
  /** Whether another try can go better. */
  isPermanent: boolean;
  errorClass: string;
  errorMessage: string;
}

/** SQLSTATE classes that say that the data is at fault: data exception, integrity, program limit exceeded. */
const DATA_CLASSES = new Set(["22", "23", "54"]);
/** The month's partition has been detached for good. */
const ARCHIVED = "NT001";

/** What a failure to write events down means for them. */
export function writeFailureOf(error: unknown): Failure {
  if (error instanceof DatabaseError) return databaseFailure(error.code ?? "");
  if (!isPassing(error)) return internalFailure(error);
  return { isPermanent: false, errorClass: "unavailable", errorMessage: "the database could not be reached" };
}

/** What a failure to read an event means: it will always fail. */
export function readFailureOf(error: unknown): Failure {
  if (error instanceof UnreadableBody) {
    return { isPermanent: true, errorClass: "unreadable_body", errorMessage: error.message };
  }
  if (error instanceof TooComplexBody) {
    return { isPermanent: true, errorClass: "too_complex", errorMessage: error.message };
  }
  // The stack ends in values that are nested too deeply.
  if (error instanceof RangeError) {
    return { isPermanent: true, errorClass: "invalid_data", errorMessage: "the event is nested too deeply" };
  }
  return internalFailure(error);
}

function internalFailure(error: unknown): Failure {
  const name = error instanceof Error ? error.name : typeof error;
  const errorMessage = `the event could not be processed (${name})`;
  return { isPermanent: true, errorClass: "internal", errorMessage };
}

function databaseFailure(state: string): Failure {
  if (DATA_CLASSES.has(state.slice(0, 2))) {
    const errorMessage = `the database cannot hold what the event says (${state})`;
    return { isPermanent: true, errorClass: "invalid_data", errorMessage };
  }
  if (state === ARCHIVED) {
    return { isPermanent: true, errorClass: "archived", errorMessage: "the event's month has been archived" };
  }
  return {
    isPermanent: false,
    errorClass: "unavailable",
    errorMessage: `the database refused for now (${state})`,
  };
}
