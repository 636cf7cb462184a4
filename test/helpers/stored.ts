import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@clickhouse/client";
import { expect } from "vitest";
import { asOwner } from "./tenant.ts";

/** What the two stores hold, seen past everybody's rights, and how tests wait for it. */
interface StoredRow {
  id: string;
  status: string;
}

/** The rows of the ledger, each with its status, in the order of their ids. */
export async function listLedger(adminDatabaseUrl: string): Promise<StoredRow[]> {
  return asOwner(adminDatabaseUrl, async (sql) => {
    const text = "select id, status from command_executions order by id";
    return (await sql.query<StoredRow>(text)).rows;
  });
}

/** The rows of the analytics copy, each with its status, in the order of their ids. */
export async function listAnalytics(clickhouseUrl: string): Promise<StoredRow[]> {
  const client = createClient({ url: clickhouseUrl });
  try {
    const result = await client.query({
      query: "select toString(id) as id, toString(status) as status from executions order by toString(id)",
      format: "JSONEachRow",
    });
    return await result.json<StoredRow>();
  } finally {
    await client.close();
  }
}

/** Ends every session of this database but the owner's own, as a failover or an administrator does. */
export async function terminateSessions(adminDatabaseUrl: string): Promise<number> {
  const text = `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and usename <> current_user`;
  return asOwner(adminDatabaseUrl, async (sql) => (await sql.query(text)).rows.length);
}

/** Waits until nothing is left to carry to the analytics copy; a store that comes up may refuse a few times. */
export async function relayUntilEmpty(url: string, key: string): Promise<void> {
  await until(async () => {
    const response = await fetch(`${url}/v1/relay`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
    });
    expect([200, 503]).toContain(response.status);
    const { waiting } = (await response.json()) as { waiting?: number };
    return response.status === 200 && waiting === 0;
  });
}

/** Asks again and again; gives up after a long time. */
export async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; !(await what()); tries += 1) {
    if (tries > 800) throw new Error("it did not happen in time");
    await delay(50);
  }
}
