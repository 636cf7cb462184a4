import { finished } from "node:stream/promises";
import { Readable } from "node:stream";
import type { ClickHouse } from "./client.ts";

export interface Lines {
  table: "executions" | "workload_events";
  /** Each the text of one JSON object with columns of the table as members and no line break in it. */
  lines: readonly string[];
  /**
   * Name of this exact batch. Sending the same lines under the same token again, also days later, changes nothing in the
   * table or in anything derived from it; sending other lines under a used token loses them.
   */
  deduplicationToken: string;
  signal?: AbortSignal;
}

const CHUNK_CHARS = 64 * 1024;

/** Inserts one batch as one block; resolves when the rows are stored. */
export async function insertLines(client: ClickHouse, batch: Lines): Promise<void> {
  if (batch.lines.length === 0) return;
  const { stream } = await client.exec({
    query: `insert into ${batch.table} format JSONEachRow`,
    values: Readable.from(chunksOf(batch.lines), { objectMode: false }),
    ...(batch.signal ? { abort_signal: batch.signal } : {}),
    clickhouse_settings: {
      insert_deduplicate: 1,
      insert_deduplication_token: batch.deduplicationToken,
      deduplicate_blocks_in_dependent_materialized_views: 1,
      // One block whatever the size: parallel parsing may cut a retry at other places than the first try.
      input_format_parallel_parsing: 0,
      // A batch may hold records of many months, and each month is a partition.
      max_partitions_per_insert_block: "1000",
      wait_end_of_query: 1,
    },
  });
  stream.resume();
  await finished(stream);
}

function* chunksOf(lines: readonly string[]): Generator<string> {
  let chunk = "";
  for (const line of lines) {
    chunk += `${line}\n`;
    if (chunk.length >= CHUNK_CHARS) {
      yield chunk;
      chunk = "";
    }
  }
  if (chunk !== "") yield chunk;
}
