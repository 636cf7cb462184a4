import { Client } from "pg";
import { errorText } from "./error-text.ts";
import { MigrationError } from "./migration-error.ts";

/** One connection of the owner's; throws MigrationError when the server does not take it. Close it with `end()`. */
export async function connectPostgres(databaseUrl: string): Promise<Client> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: "netra-migrate",
    connectionTimeoutMillis: 10_000,
  });
  // Without a listener a lost connection would end the process; whoever waits for an answer gets the error anyway.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    throw new MigrationError(
      `PostgreSQL at ${client.host}:${client.port} did not accept the connection: ${errorText(error)}. Check that it runs (the local stack: npm start) and that NETRA_ADMIN_DATABASE_URL is its address.`,
      { cause: error },
    );
  }
}
