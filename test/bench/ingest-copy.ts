import { once } from "node:events";
import { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { BinaryWriter } from "../../shared/postgres/binary-writer.ts";
import { EXECUTION_COLUMNS, type ExecutionRow } from "../../shared/postgres/command-executions.ts";

const COPY = `copy command_executions (organization_id, ${EXECUTION_COLUMNS.map(([column]) => column).join(", ")}) from stdin (format binary)`;
const SIGNATURE = Buffer.from("PGCOPY\n\xff\r\n\0", "latin1");

/**
 * The floor of storing rows: a program that does nothing but write them in PostgreSQL's binary format and copy them into
 * the ledger over several connections. Returns the seconds it took.
 */
export async function copyRows(
  databaseUrl: string,
  organizationId: string,
  batches: readonly (readonly ExecutionRow[])[],
  connections: number,
): Promise<number> {
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new Client({ connectionString: databaseUrl });
      await client.connect();
      return client;
    }),
  );
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    clients.map(async (client) => {
      for (let batch = batches[next++]; batch !== undefined; batch = batches[next++]) {
        const stream = client.query(copyFrom(COPY));
        stream.end(encodeRows(organizationId, batch));
        await once(stream, "finish");
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  await Promise.all(clients.map((client) => client.end()));
  return seconds;
}

function encodeRows(organizationId: string, rows: readonly ExecutionRow[]): Buffer {
  const writer = new BinaryWriter(rows.length * 1_500);
  for (const row of rows) {
    writer.int16(EXECUTION_COLUMNS.length + 1);
    writer.value("uuid", organizationId);
    for (const [column, type] of EXECUTION_COLUMNS) writer.value(type, row[column]);
  }
  writer.int16(-1);
  return Buffer.concat([SIGNATURE, Buffer.alloc(8), writer.finish()]);
}
