import { join } from "node:path";
import { startClickHouse } from "../../local/embedded-clickhouse.ts";
import { startPostgres } from "../../local/embedded-postgres.ts";
import type { TestServers } from "./test-stack.ts";

const PASSWORD = "local tests only";

/** One PostgreSQL server and one ClickHouse engine for the run, on free ports. */
export async function startEmbeddedServers(folder: string): Promise<TestServers> {
  const [postgres, clickhouse] = await Promise.allSettled([
    startPostgres({ directory: join(folder, "postgres"), password: PASSWORD, durable: false }),
    startClickHouse({ directory: join(folder, "clickhouse"), password: PASSWORD }),
  ]);
  const stop = async (): Promise<void> => {
    if (clickhouse.status === "fulfilled") await clickhouse.value.stop();
    if (postgres.status === "fulfilled") await postgres.value.stop();
  };
  if (postgres.status === "rejected" || clickhouse.status === "rejected") {
    await stop();
    throw new AggregateError(
      [postgres, clickhouse].flatMap((result) => (result.status === "rejected" ? [result.reason] : [])),
      "the test servers did not start",
    );
  }
  return {
    postgresUrl: postgres.value.url("postgres"),
    clickhouseUrl: clickhouse.value.url("default"),
    stop,
  };
}
