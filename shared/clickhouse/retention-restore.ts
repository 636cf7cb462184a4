import { finished } from "node:stream/promises";
import { Readable } from "node:stream";
import type { ClickHouse } from "./client.ts";
import { HOWEVER_LARGE } from "./retention.ts";

const STAGING = "executions_restored";

/**
 * Fills the month of `executions` anew from lines of the ledger. They go through a table of the same shape and are attached
 * as a whole, so that the hourly and daily sums, which still hold them, do not count them twice.
 */
export async function restoreAnalyticsMonth(
  client: ClickHouse,
  month: string,
  lines: AsyncIterable<readonly string[]>,
): Promise<number> {
  const partition = `${month.slice(0, 4)}${month.slice(5, 7)}`;
  await client.command({ query: `drop table if exists ${STAGING} sync`, clickhouse_settings: HOWEVER_LARGE });
  await client.command({ query: `create table ${STAGING} as executions` });
  let rows = 0;
  for await (const batch of lines) {
    const { stream } = await client.exec({
      query: `insert into ${STAGING} format JSONEachRow`,
      values: Readable.from([`${batch.join("\n")}\n`], { objectMode: false }),
      clickhouse_settings: { insert_deduplicate: 0, wait_end_of_query: 1 },
    });
    stream.resume();
    await finished(stream);
    rows += batch.length;
  }
  await client.command({
    query: `alter table executions replace partition ${partition} from ${STAGING}`,
    clickhouse_settings: HOWEVER_LARGE,
  });
  await client.command({ query: `drop table ${STAGING} sync`, clickhouse_settings: HOWEVER_LARGE });
  return rows;
}
