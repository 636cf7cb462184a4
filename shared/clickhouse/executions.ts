import { finished } from "node:stream/promises";
import { Readable } from "node:stream";
import type { ClickHouse } from "./client.ts";

export interface ExecutionLines {
  /** Each the text of one JSON object with columns of `executions` as members and no line break in it. */
  lines: readonly string[];
  /**
   * Name of this exact batch. Sending the same lines under the same token again, also days later, changes nothing in the
   * table or in anything derived from it; sending other lines under a used token loses them.
   */
  deduplicationToken: string;
  signal?: AbortSignal;
}

const CHUNK_CHARS = 64 * 1024;

/** Inserts one batch of executions as one block; resolves when the rows are stored. */
export async function insertExecutionLines(client: ClickHouse, batch: ExecutionLines): Promise<void> {
  if (batch.lines.length === 0) return;
  const { stream } = await client.exec({
    query: "insert into executions format JSONEachRow",
    values: Readable.from(chunksOf(batch.lines), { objectMode: false }),
    ...(batch.signal ? { abort_signal: batch.signal } : {}),
    clickhouse_settings: {
      insert_deduplicate: 1,
      insert_deduplication_token: batch.deduplicationToken,
      deduplicate_blocks_in_dependent_materialized_views: 1,
      // One block whatever the size: parallel parsing may cut a retry at other places than the first try.
      input_format_parallel_parsing: 0,
      // An import may hold executions of many months, and each month is a partition.
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
