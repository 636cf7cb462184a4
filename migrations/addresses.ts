import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { MigrationError } from "./migration-error.ts";

export interface Addresses {
  databaseUrl: string | undefined;
  clickhouseUrl: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

const connectionFile = z.object({
  adminDatabaseUrl: z.string().optional(),
  clickhouseUrl: z.string().optional(),
});

/**
 * Addresses of the databases to migrate: NETRA_ADMIN_DATABASE_URL and CLICKHOUSE_URL, and where neither is set those of the
 * local stack, which writes connection.json into its data folder. Never a mixture of the two, so that one command cannot
 * change a cloud database and a local one.
 */
export async function findAddresses(env: Env): Promise<Addresses> {
  const databaseUrl = env["NETRA_ADMIN_DATABASE_URL"] || undefined;
  const clickhouseUrl = env["CLICKHOUSE_URL"] || undefined;
  if (databaseUrl !== undefined || clickhouseUrl !== undefined) {
    checkUrl(
      "NETRA_ADMIN_DATABASE_URL",
      databaseUrl,
      /^postgres(ql)?:$/,
      "postgres://user:password@host/database",
    );
    checkUrl("CLICKHOUSE_URL", clickhouseUrl, /^https?:$/, "http://user:password@host:8123/netra_analytics");
    return { databaseUrl, clickhouseUrl };
  }
  const path = join(env["NETRA_DATA_DIR"] || ".netra", "connection.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch {
    return { databaseUrl: undefined, clickhouseUrl: undefined };
  }
  try {
    const found = connectionFile.parse(JSON.parse(text));
    return { databaseUrl: found.adminDatabaseUrl, clickhouseUrl: found.clickhouseUrl };
  } catch (error) {
    throw new MigrationError(`${path} is not what the local stack writes. Start it again with: npm start`, {
      cause: error,
    });
  }
}

function checkUrl(name: string, value: string | undefined, protocol: RegExp, example: string): void {
  if (value === undefined) return;
  if (!URL.canParse(value) || !protocol.test(new URL(value).protocol)) {
    throw new MigrationError(`${name} is not an address of the form ${example}. Correct the variable.`);
  }
}

/** `netra at 127.0.0.1:5432`: what people need to know the target by, without its password. */
export function describeAddress(address: string): string {
  const url = new URL(address);
  return `${url.pathname.slice(1) || "default database"} at ${url.host}`;
}
