import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { onTestFinished } from "vitest";
import { createDatabases } from "../helpers/databases.ts";

const FUNCTIONS = join(import.meta.dirname, "../../functions");

interface AlertRule {
  name: string;
  metric: string;
  threshold: number | null;
  for_seconds: number;
  severity: string;
}

/** The rules that a new installation begins with. */
export async function listAlertRules(): Promise<Map<string, AlertRule>> {
  const { adminDatabaseUrl, close } = await createDatabases();
  onTestFinished(close);
  const client = new Client({ connectionString: adminDatabaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<AlertRule>(
      "select name, metric, threshold, for_seconds, severity from alert_rules",
    );
    return new Map(rows.map((row) => [row.name, row]));
  } finally {
    await client.end();
  }
}

/** The sum of the sizes of the pools that a function's context makes. */
export async function connectionsInCode(name: string): Promise<number> {
  const text = await readFile(join(FUNCTIONS, name, "context.ts"), "utf8");
  const sizes = [...text.matchAll(/^const \w*CONNECTIONS = (\d+);$/gm)].map(([, size]) => Number(size));
  if (sizes.length === 0) throw new Error(`${name}/context.ts does not name the size of its pools`);
  return sizes.reduce((sum, size) => sum + size, 0);
}
