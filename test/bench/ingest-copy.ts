import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { Client } from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";

/** What the ledger holds, as binary COPY data of about `rowsEach` rows a chunk: the very rows, with nothing to encode. */
export async function exportChunks(admin: Client, rowsEach: number): Promise<Buffer[]> {
  const { rows } = await admin.query<{ count: string }>("select count(*) as count from command_executions");
  const chunks: Buffer[] = [];
  for (let offset = 0; offset < Number(rows[0]?.count); offset += rowsEach) {
    const text = `copy (select * from command_executions order by id limit ${rowsEach} offset ${offset}) to stdout (format binary)`;
    chunks.push(await buffer(admin.query(copyTo(text))));
  }
  return chunks;
}

/** Copies the chunks into the emptied table over several connections; returns the seconds it took. */
export async function copyChunks(
  databaseUrl: string,
  chunks: readonly Buffer[],
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
      for (let chunk = chunks[next++]; chunk !== undefined; chunk = chunks[next++]) {
        const stream = client.query(copyFrom("copy command_executions from stdin (format binary)"));
        stream.end(chunk);
        await once(stream, "finish");
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  await Promise.all(clients.map((client) => client.end()));
  return seconds;
}
