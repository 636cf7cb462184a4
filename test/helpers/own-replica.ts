import { chown, cp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { randomBytes } from "node:crypto";
import { type EmbeddedPostgres, startPostgres } from "../../local/embedded-postgres.ts";
import { findFreePort } from "./ports.ts";
import { removeRunFolder } from "./run-folder.ts";
import { asOwner } from "./tenant.ts";

export interface OwnReplica {
  /** As the owner. */
  url: string;
  stop: () => Promise<void>;
  /** Stops the server if it runs and removes its files. */
  close: () => Promise<void>;
}

const PASSWORD = "local tests only";

/** A streaming replica of an embedded server of a test's own, made from a backup of its running files. */
export async function startOwnReplica(primaryUrl: string): Promise<OwnReplica> {
  const directory = join(inject("testStack").folder, `replica-${randomBytes(4).toString("hex")}`);
  const data = join(directory, "data");
  const source = await asOwner(primaryUrl, async (sql) => {
    const { rows } = await sql.query<{ path: string }>("select current_setting('data_directory') as path");
    await sql.query("select pg_backup_start('replica', true)");
    const path = rows[0]?.path ?? "";
    await cp(path, data, { recursive: true, preserveTimestamps: true });
    const label = await sql.query<{ labelfile: string }>("select labelfile from pg_backup_stop(false)");
    await writeFile(join(data, "backup_label"), label.rows[0]?.labelfile ?? "");
    return path;
  });
  for (const left of ["postmaster.pid", "postmaster.opts"]) await rm(join(data, left), { force: true });
  await writeFile(join(data, "standby.signal"), "");
  const { hostname, port, username, password } = new URL(primaryUrl);
  const primary = `host=${hostname} port=${port} user=${username} password='${decodeURIComponent(password)}'`;
  await writeFile(
    join(data, "postgresql.auto.conf"),
    `primary_conninfo = '${primary.replaceAll("'", "''")} application_name=replica'\n`,
  );
  await giveTo(source, data);
  const server: EmbeddedPostgres = await startPostgres({
    directory,
    password: PASSWORD,
    port: await findFreePort(),
    durable: false,
  });
  return {
    url: server.url("postgres"),
    stop: () => server.stop(),
    async close() {
      await server.stop();
      await removeRunFolder(directory);
    },
  };
}

/** Has a folder belong to whom another belongs to: from root the server runs as somebody else. */
async function giveTo(like: string, folder: string): Promise<void> {
  const { uid, gid } = await stat(like);
  const inside = await readdir(folder, { recursive: true });
  await Promise.all(["", ...inside].map((name) => chown(join(folder, name), uid, gid)));
}
