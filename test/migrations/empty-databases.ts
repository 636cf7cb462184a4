import { randomBytes } from "node:crypto";
import { Client, type QueryResultRow } from "pg";
import { inject, onTestFinished } from "vitest";
import { type ClickHouse, createClickHouse } from "../../shared/clickhouse/client.ts";
import { createEmptyDatabase } from "../helpers/databases.ts";
import { databaseAddress } from "../helpers/test-stack.ts";

/** An empty PostgreSQL database for one test, with a way to ask it. */
export async function openEmptyPostgres(): Promise<{
  databaseUrl: string;
  client: Client;
  rows: <Row extends QueryResultRow>(query: string) => Promise<Row[]>;
}> {
  const database = await createEmptyDatabase();
  const client = new Client({ connectionString: database.adminDatabaseUrl });
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await database.close();
  });
  return {
    databaseUrl: database.adminDatabaseUrl,
    client,
    rows: async <Row extends QueryResultRow>(query: string) => (await client.query<Row>(query)).rows,
  };
}

/** The address of a ClickHouse database nobody has made yet, for one test, with a way to ask it. */
export function openEmptyClickHouse(): {
  clickhouseUrl: string;
  client: ClickHouse;
  rows: <Row>(query: string) => Promise<Row[]>;
} {
  const { clickhouseUrl: server } = inject("testStack");
  const name = `netra_migrations_${randomBytes(6).toString("hex")}`;
  const clickhouseUrl = databaseAddress(server, name);
  const client = createClickHouse({ url: clickhouseUrl });
  onTestFinished(async () => {
    await client.close();
    const dropping = createClickHouse({ url: server });
    await dropping.command({ query: `drop database if exists ${name}` });
    await dropping.close();
  });
  return {
    clickhouseUrl,
    client,
    rows: async <Row>(query: string) => (await client.query({ query, format: "JSONEachRow" })).json<Row>(),
  };
}
