import { randomBytes } from "node:crypto";
import { escapeIdentifier } from "pg";
import { connectPostgres } from "./postgres-connection.ts";
import { migratePostgres } from "./postgres-migrations.ts";
import { dumpPostgresSchema } from "./schema-dump.ts";

/**
 * The schema the migrations make, taken from a database made for it on the server of `databaseUrl` and dropped again, so
 * that nothing of a used database gets into it. The login must be allowed to make databases.
 */
export async function dumpMigratedSchema(databaseUrl: string): Promise<string> {
  const name = `netra_dump_${randomBytes(5).toString("hex")}`;
  const scratchUrl = new URL(databaseUrl);
  scratchUrl.pathname = `/${name}`;
  await using connection = await connectPostgres({ databaseUrl });
  const { client: admin } = connection;
  await admin.query(`create database ${escapeIdentifier(name)} template template0 encoding 'UTF8'`);
  try {
    await migratePostgres({ databaseUrl: scratchUrl.href, direction: "up" });
    return await dumpDatabase(scratchUrl.href);
  } finally {
    await admin.query(`drop database ${escapeIdentifier(name)} with (force)`);
  }
}

async function dumpDatabase(databaseUrl: string): Promise<string> {
  await using connection = await connectPostgres({ databaseUrl });
  return await dumpPostgresSchema(connection.client);
}
