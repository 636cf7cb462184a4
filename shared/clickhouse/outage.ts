import { ClickHouseError } from "@clickhouse/client";

/**
 * A request to ClickHouse that got no answer of its: no connection, no time left, ended by us, no password to be had, or
 * somebody else (a proxy) answered. The client's own errors for these have no type or code, so they are told by where they
 * come from.
 */
class NoAnswer extends Error {
  override readonly name = "ClickHouseNoAnswer";
}

/** Errors of a program that is wrong, wherever they come from. */
const BUGS = [TypeError, RangeError, ReferenceError, SyntaxError, URIError];

/** Runs one request to ClickHouse and nothing else, so that what it fails with is told apart from bugs of ours. */
export async function answerOf<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (cause) {
    if (cause instanceof ClickHouseError || BUGS.some((bug) => cause instanceof bug)) throw cause;
    throw new NoAnswer("ClickHouse did not answer", { cause });
  }
}

/** No table or database yet, deadlines, limits, lost nodes, access: what an operator can set right. The rest is a bug. */
const PASSING_CODES = new Set([
  "60",
  "81",
  "159",
  "160",
  "192",
  "193",
  "194",
  "202",
  "203",
  "209",
  "210",
  "241",
  "279",
  "394",
  "425",
  "497",
  "516",
]);

/** Whether ClickHouse, rather than our question, is why there is no answer. */
export function isClickHouseAway(error: unknown): boolean {
  if (error instanceof ClickHouseError) return PASSING_CODES.has(error.code);
  return error instanceof NoAnswer;
}
