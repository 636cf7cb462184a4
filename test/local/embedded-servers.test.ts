import { once } from "node:events";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { expect, inject, it } from "vitest";
import { startPostgres } from "../../local/embedded-postgres.ts";
import { waitUntilGone } from "../../local/processes.ts";
import { startOwnPostgres } from "../helpers/embedded-servers.ts";

async function countOrganizations(databaseUrl: string): Promise<number> {
  const sql = new Client(databaseUrl);
  await sql.connect();
  const { rowCount } = await sql.query("select 1 from organizations");
  await sql.end();
  return rowCount ?? 0;
}

it("keeps what was committed over a stop and over a crash", async () => {
  const postgres = await startOwnPostgres();
  try {
    const sql = new Client(postgres.adminDatabaseUrl);
    await sql.connect();
    await sql.query("insert into organizations (name, slug) values ('Acme', 'acme')");
    await sql.end();
    await postgres.stop();
    await expect(countOrganizations(postgres.adminDatabaseUrl)).rejects.toThrow(/ECONNREFUSED/);
    await postgres.start();
    expect(await countOrganizations(postgres.adminDatabaseUrl)).toBe(1);
    await postgres.kill();
    await postgres.start();
    expect(await countOrganizations(postgres.adminDatabaseUrl)).toBe(1);
  } finally {
    await postgres.close();
  }
});

it("ends the server when its starter is killed, and takes over what an orphan left", async () => {
  const directory = join(inject("testStack").folder, "orphaned-postgres");
  const script = `
    import { startPostgres } from ${JSON.stringify(fileURLToPath(new URL("../../local/embedded-postgres.ts", import.meta.url)))};
    await startPostgres({ directory: ${JSON.stringify(directory)}, password: "secret", durable: false });
    process.stdout.write("up");
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(starter.stdout, "data");
  const pid = Number((await readFile(join(directory, "data", "postmaster.pid"), "utf8")).split("\n")[0]);
  starter.kill("SIGKILL");

  const next = await startPostgres({ directory, password: "secret", durable: false });
  expect(await waitUntilGone(pid, 10_000)).toBe(true);
  await next.stop();

  const orphan = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(orphan.stdout, "data");
  const orphanPid = Number(
    (await readFile(join(directory, "data", "postmaster.pid"), "utf8")).split("\n")[0],
  );
  orphan.kill("SIGKILL");
  expect(await waitUntilGone(orphanPid, 20_000)).toBe(true);
});

it("is not held up by a lock file whose process id belongs to somebody else by now", async () => {
  const directory = join(inject("testStack").folder, "stale-postgres");
  const server = await startPostgres({ directory, password: "secret", durable: false });
  const lockFile = join(directory, "data", "postmaster.pid");
  const lock = await readFile(lockFile, "utf8");
  await server.kill();
  await writeFile(lockFile, lock.replace(/^\d+/, String(process.pid)));
  const next = await startPostgres({ directory, password: "secret", durable: false });
  expect(await readFile(lockFile, "utf8")).not.toContain(`${process.pid}\n`);
  await next.stop();
});

it.skipIf(process.getuid?.() !== 0)("runs for root in a folder that nobody else may enter", async () => {
  const closed = await mkdtemp(join(inject("testStack").folder, "closed-"));
  const directory = join(closed, "postgres");
  const server = await startPostgres({ directory, password: "secret", durable: false });
  expect((await stat(join(directory, "data"))).uid).not.toBe(0);
  await server.stop();
});

it("refuses to take over data that has another password", async () => {
  const directory = join(inject("testStack").folder, "foreign-postgres");
  const server = await startPostgres({ directory, password: "one", durable: false });
  await server.stop();
  await expect(startPostgres({ directory, password: "two", durable: false })).rejects.toThrow(
    /refused the password/,
  );
});

it("says why the server did not start", async () => {
  const blocker = createServer().listen(0, "127.0.0.1");
  await once(blocker, "listening");
  const address = blocker.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const directory = join(inject("testStack").folder, "blocked-postgres");
  try {
    await expect(startPostgres({ directory, password: "secret", port, durable: false })).rejects.toThrow(
      /did not start \(exited\)[\s\S]*Address already in use/,
    );
  } finally {
    blocker.close();
  }
});
