import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MigrationError } from "./migration-error.ts";

export type Direction = "up" | "down";

interface MigrationScript {
  fileName: string;
  text: string;
  /** First line is `-- no-transaction`. */
  noTransaction: boolean;
}

export interface MigrationFile {
  version: number;
  /** `000001_what`: the file name without `.up.sql`. */
  name: string;
  up: MigrationScript;
  down: MigrationScript;
  /** SHA-256 of the up script with line endings normalised, so that a checkout on Windows has the same one. */
  checksum: string;
}

const FILE_NAME = /^(\d{6})_([a-z0-9_]+)\.(up|down)\.sql$/;
const NO_TRANSACTION = /^--\s*no-transaction\b/;

/**
 * Reads every `NNNNNN_what.up.sql` with its `.down.sql`, in order of number.
 * Throws MigrationError for a missing half, a number used twice or an `.sql` file of another name.
 */
export async function readMigrationFiles(directory: string): Promise<MigrationFile[]> {
  const scripts = new Map<string, Partial<Record<Direction, MigrationScript>>>();
  for (const fileName of (await readdir(directory)).toSorted()) {
    if (!fileName.endsWith(".sql") || fileName.startsWith(".")) continue;
    const match = FILE_NAME.exec(fileName);
    if (!match) {
      throw new MigrationError(
        `${fileName} in ${directory} is not named NNNNNN_what.up.sql or NNNNNN_what.down.sql. Rename it, or make a pair with: npm run migrate -- create what`,
        { file: fileName },
      );
    }
    const [, number = "", what = "", direction] = match;
    const text = (await readFile(join(directory, fileName), "utf8")).replaceAll("\r\n", "\n");
    const pair = scripts.get(`${number}_${what}`) ?? {};
    pair[direction === "up" ? "up" : "down"] = { fileName, text, noTransaction: NO_TRANSACTION.test(text) };
    scripts.set(`${number}_${what}`, pair);
  }
  const files: MigrationFile[] = [];
  for (const [name, { up, down }] of scripts) {
    if (!up || !down) {
      const [present, missing] = up
        ? [up.fileName, `${name}.down.sql`]
        : [`${name}.down.sql`, `${name}.up.sql`];
      throw new MigrationError(
        `${present} has no ${missing}. Every migration needs both: add the missing file.`,
        {
          file: missing,
        },
      );
    }
    const version = Number(name.slice(0, 6));
    const previous = files.at(-1);
    if (previous?.version === version) {
      throw new MigrationError(
        `${previous.name} and ${name} have the same number. Give the newer one the next free number.`,
        {
          file: up.fileName,
        },
      );
    }
    files.push({ version, name, up, down, checksum: createHash("sha256").update(up.text).digest("hex") });
  }
  return files;
}

const SEPARATOR = /^--[ \t]*@statement\b[ \t]*(.*)$/;

export interface Statement {
  sql: string;
  /** Line of the file the statement starts on, from 1. */
  line: number;
  /** What stands after `@statement` on its line, such as `requires=access-control`. */
  marker: string;
}

/**
 * Cuts a script at its `-- @statement` lines, never at `;`, which may stand inside a string or a function body.
 * Parts of comments alone are left out.
 */
export function splitStatements(text: string): Statement[] {
  const statements: Statement[] = [];
  let part: Statement & { hasSql: boolean } = { sql: "", line: 1, marker: "", hasSql: false };
  const close = (): void => {
    if (part.hasSql) {
      statements.push({ sql: part.sql.trim().replace(/;$/, ""), line: part.line, marker: part.marker });
    }
  };
  for (const [index, line] of text.split("\n").entries()) {
    const separator = SEPARATOR.exec(line);
    if (separator) {
      close();
      part = { sql: "", line: index + 2, marker: (separator[1] ?? "").trim(), hasSql: false };
    } else {
      part.sql += `${line}\n`;
      part.hasSql ||= line.trim() !== "" && !line.trimStart().startsWith("--");
    }
  }
  close();
  return statements;
}

/** Writes the next numbered pair with a head comment to fill in and returns the two paths. */
export async function createMigrationFiles(directory: string, what: string): Promise<string[]> {
  const slug = what
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .replaceAll(/^_+|_+$/g, "");
  if (slug === "") {
    throw new MigrationError(
      `"${what}" holds no letter or digit to name a migration by. Say what it does, such as: add_budgets`,
    );
  }
  await mkdir(directory, { recursive: true });
  const last = (await readMigrationFiles(directory)).at(-1)?.version ?? 0;
  const base = join(directory, `${String(last + 1).padStart(6, "0")}_${slug}`);
  const paths = [`${base}.up.sql`, `${base}.down.sql`];
  await writeFile(paths[0] ?? "", `-- Why: \n\n`, { flag: "wx" });
  await writeFile(paths[1] ?? "", `-- Undoes ${slug}.\n\n`, { flag: "wx" });
  return paths;
}
