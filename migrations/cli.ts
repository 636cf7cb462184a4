import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import { ClickHouseError } from "@clickhouse/client";
import { DatabaseError } from "pg";
import type { DatabaseAddress } from "../shared/postgres/pool.ts";
import { findAddresses } from "./addresses.ts";
import { type CliArguments, HELP, readArguments, UsageError } from "./cli-arguments.ts";
import { chooseTargets, DIRECTORIES, type Steps, type Target } from "./cli-targets.ts";
import { errorText } from "./error-text.ts";
import { grantLogins } from "./grant-logins.ts";
import { MigrationError } from "./migration-error.ts";
import { createMigrationFiles } from "./migration-files.ts";
import type { MigrationStatus } from "./migration-plan.ts";
import { dumpMigratedSchema } from "./scratch-dump.ts";

export interface CliIo {
  env: Readonly<Record<string, string | undefined>>;
  /** The result: a table for people or one JSON object. */
  out: (text: string) => void;
  /** Plan, progress and errors, for people only. */
  err: (text: string) => void;
  /** Asks a question to be answered with yes; null where nobody can answer. */
  confirm: ((question: string) => Promise<boolean>) | null;
}

/** Runs one command line and returns the exit code: 0 done, 1 failed, 2 not understood or not confirmed. */
export async function runMigrateCli(args: readonly string[], io: CliIo): Promise<0 | 1 | 2> {
  try {
    const wanted = readArguments(args);
    if (wanted === null) {
      io.out(HELP);
      return 0;
    }
    return await runCommand(wanted, io);
  } catch (error) {
    if (error instanceof UsageError) {
      io.err(`${error.message}\nSee: npm run migrate -- --help\n`);
      return 2;
    }
    if (
      error instanceof MigrationError ||
      error instanceof DatabaseError ||
      error instanceof ClickHouseError
    ) {
      io.err(`${styleText("red", "Not done.")} ${errorText(error)}\n`);
      return 1;
    }
    throw error;
  }
}

async function runCommand(wanted: CliArguments, io: CliIo): Promise<0 | 1 | 2> {
  if (wanted.command === "create") return create(wanted, io);
  const addresses = await findAddresses(io.env);
  if (wanted.command === "dump") return dump(addresses.database, wanted, io);
  const targets = chooseTargets(addresses, wanted.only, io.env["NETRA_CLICKHOUSE_CLUSTER"] || undefined);
  if (wanted.command === "status") return status(targets, wanted, io);
  const direction = wanted.command;
  const steps = { direction, ...(wanted.count === undefined ? {} : { count: wanted.count }) };
  // Down in the opposite order of up.
  const code = await migrate(direction === "up" ? targets : targets.toReversed(), steps, wanted, io);
  if (code !== 0 || wanted.logins.length === 0 || addresses.database === undefined) return code;
  await grantLogins(addresses.database, wanted.logins);
  io.err(wanted.logins.map((login) => `${login} may work as a function\n`).join(""));
  return code;
}

async function migrate(
  targets: readonly Target[],
  steps: Steps,
  wanted: CliArguments,
  io: CliIo,
): Promise<0 | 2> {
  let planned = 0;
  for (const target of targets) {
    const names = await target.plan(steps);
    planned += names.length;
    io.err(`${styleText("bold", target.title)}\n`);
    io.err(
      names.length === 0
        ? "  nothing to do\n"
        : names.map((name) => `  ${steps.direction}  ${name}\n`).join(""),
    );
  }
  if (steps.direction === "down" && planned > 0 && !wanted.yes) {
    if (io.confirm === null) {
      io.err(
        "Taking migrations back loses the data of what they made. Nobody can be asked here: add --yes to do it.\n",
      );
      return 2;
    }
    if (!(await io.confirm("This loses the data of what they made. Go on? (yes/no) "))) {
      io.err("Nothing was changed.\n");
      return 2;
    }
  }
  const applied: Record<string, string[]> = {};
  for (const target of targets) {
    const result = await target.migrate(steps, (progress) => {
      const place = `${target.kind} ${progress.step}/${progress.total}`;
      io.err(
        `${place} ${progress.direction} ${progress.name}${progress.notice === undefined ? "" : ` - ${progress.notice}`}\n`,
      );
    });
    applied[target.kind] = result.applied;
  }
  if (wanted.json) io.out(`${JSON.stringify({ direction: steps.direction, applied })}\n`);
  else io.out(`${summarize(applied, steps)}\n`);
  return 0;
}

function summarize(applied: Readonly<Record<string, string[]>>, { direction }: Steps): string {
  const done = Object.entries(applied).filter(([, names]) => names.length > 0);
  if (done.length === 0) return "Nothing to do.";
  const verb = direction === "up" ? "applied" : "taken back";
  return done.map(([kind, names]) => `${kind}: ${names.length} ${verb}`).join(", ");
}

async function status(targets: readonly Target[], wanted: CliArguments, io: CliIo): Promise<0> {
  const listed: Record<string, MigrationStatus[]> = {};
  for (const target of targets) {
    const migrations = await target.status();
    listed[target.kind] = migrations;
    if (wanted.json) continue;
    io.out(`${styleText("bold", target.title)}\n`);
    for (const { name, state, appliedAt } of migrations) {
      io.out(`  ${state.padEnd(10)}  ${(appliedAt ?? "").padEnd(20)}  ${name}\n`);
    }
  }
  if (wanted.json) io.out(`${JSON.stringify(listed)}\n`);
  return 0;
}

async function create(wanted: CliArguments, io: CliIo): Promise<0> {
  const directory = DIRECTORIES[wanted.only ?? "postgres"];
  const paths = (await createMigrationFiles(directory, wanted.name)).map((path) =>
    relative(process.cwd(), path),
  );
  io.out(wanted.json ? `${JSON.stringify({ created: paths })}\n` : `${paths.join("\n")}\n`);
  return 0;
}

async function dump(database: DatabaseAddress | undefined, wanted: CliArguments, io: CliIo): Promise<0> {
  if (database === undefined || !("databaseUrl" in database)) {
    throw new MigrationError(
      "The dump is taken from a database made for it, on a server whose address is not known. Set NETRA_ADMIN_DATABASE_URL, or run the local stack: npm start",
    );
  }
  const path = join(import.meta.dirname, "schema.sql");
  await writeFile(path, await dumpMigratedSchema(database.databaseUrl));
  const written = relative(process.cwd(), path);
  io.out(wanted.json ? `${JSON.stringify({ written })}\n` : `${written}\n`);
  return 0;
}

async function confirmOnTerminal(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}

if (import.meta.main) {
  // The reader may leave early: `npm run migrate -- status | head`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  process.exitCode = await runMigrateCli(process.argv.slice(2), {
    env: process.env,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    confirm: process.stdin.isTTY && process.stderr.isTTY ? confirmOnTerminal : null,
  });
}
