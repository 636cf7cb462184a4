import type { ResultSet } from "@clickhouse/client";

/** All rows of an answer. The client heeds the signal until the answer begins, and this until it ends. */
export async function readRows<Row>(
  result: ResultSet<"JSONEachRow">,
  signal: AbortSignal | undefined,
): Promise<Row[]> {
  const stop = (): void => result.close();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    if (signal?.aborted === true) stop();
    return await result.json<Row>();
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
