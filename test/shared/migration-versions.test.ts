import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { readMigrationFiles } from "../../migrations/migration-files.ts";
import { CLICKHOUSE_MIGRATIONS, POSTGRES_MIGRATIONS } from "../../shared/migration-versions.ts";

it.each([
  ["postgres", POSTGRES_MIGRATIONS],
  ["clickhouse", CLICKHOUSE_MIGRATIONS],
])(
  "the code knows the migrations of %s (else: add the number to shared/migration-versions.ts)",
  async (store, known) => {
    const directory = fileURLToPath(new URL(`../../migrations/${store}`, import.meta.url));
    expect(known).toEqual((await readMigrationFiles(directory)).map(({ version }) => version));
  },
);
