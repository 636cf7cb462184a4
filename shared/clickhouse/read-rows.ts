import { parseError, type ResultSet } from "@clickhouse/client";

/** All rows of an answer. The client heeds the signal until the answer begins, and this until it ends. */
export async function readRows<Row>(
  result: ResultSet<"JSONEachRow">,
  signal: AbortSignal | undefined,
): Promise<Row[]> {
  return untilAborted(result, signal, () => result.json<Row>());
}

/** A page of groups. */
export interface Groups<Row> {
  rows: Row[];
  /** Of all groups, on this page or not; a group's name in it means nothing. */
  total: Row;
  /** Number of groups, on this page or not. */
  count: number;
}

/**
 * The answer to a select `with totals`. In this format each fact is a line of its own, so it is told completely for no groups
 * as well, where the embedded engine mixes up the parts of a JSON document.
 */
export async function readGroups<Row>(
  result: ResultSet<"JSONEachRowWithProgress">,
  signal: AbortSignal | undefined,
): Promise<Groups<Row>> {
  const lines = await untilAborted(result, signal, () => result.json<Row>());
  const rows: Row[] = [];
  let total: Row | undefined;
  let count: number | undefined;
  for (const line of lines) {
    if ("exception" in line) throw parseError(line.exception);
    if ("row" in line) rows.push(line.row);
    if ("totals" in line) total = line.totals;
    if ("rows_before_limit_at_least" in line) count = Number(line.rows_before_limit_at_least);
  }
  if (total === undefined || count === undefined) throw new TypeError("ClickHouse answered no total");
  return { rows, total, count };
}

async function untilAborted<T>(
  result: { close: () => void },
  signal: AbortSignal | undefined,
  read: () => Promise<T>,
): Promise<T> {
  const stop = (): void => result.close();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    if (signal?.aborted === true) stop();
    return await read();
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
