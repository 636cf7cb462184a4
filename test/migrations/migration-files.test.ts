import { readdir } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createMigrationFiles,
  readMigrationFiles,
  splitStatements,
} from "../../migrations/migration-files.ts";
import { makeMigrationFolder } from "./migration-folder.ts";

describe("a folder of migrations", () => {
  it("is read in the order of its numbers, each file with its way back", async () => {
    const folder = await makeMigrationFolder({
      "000002_b.up.sql": "select 2",
      "000002_b.down.sql": "select -2",
      "000001_a.up.sql": "-- no-transaction\nselect 1",
      "000001_a.down.sql": "select -1",
      "README.md": "not a migration",
    });

    const files = await readMigrationFiles(folder);

    expect(files.map((file) => [file.version, file.name, file.up.noTransaction, file.down.text])).toEqual([
      [1, "000001_a", true, "select -1"],
      [2, "000002_b", false, "select -2"],
    ]);
  });

  it.each([
    ["a file without a way back", { "000001_a.up.sql": "" }, "000001_a.down.sql"],
    ["a way back of nothing", { "000001_a.down.sql": "" }, "000001_a.up.sql"],
    ["an unnumbered file", { "add_users.sql": "" }, "npm run migrate -- create"],
    [
      "a number used twice",
      { "000001_a.up.sql": "", "000001_a.down.sql": "", "000001_b.up.sql": "", "000001_b.down.sql": "" },
      "000001_b",
    ],
  ])("with %s is refused by name", async (_what, files, named) => {
    const folder = await makeMigrationFolder(files);

    await expect(readMigrationFiles(folder)).rejects.toThrow(named);
  });

  it("has the same checksums when it is checked out with Windows line endings", async () => {
    const unix = await makeMigrationFolder({ "000001_a.up.sql": "select\n1\n", "000001_a.down.sql": "" });
    const windows = await makeMigrationFolder({
      "000001_a.up.sql": "select\r\n1\r\n",
      "000001_a.down.sql": "",
    });

    expect((await readMigrationFiles(windows))[0]?.checksum).toBe(
      (await readMigrationFiles(unix))[0]?.checksum,
    );
  });

  it("gets the next number for a new pair", async () => {
    const folder = await makeMigrationFolder({ "000009_a.up.sql": "", "000009_a.down.sql": "" });

    await createMigrationFiles(folder, "Add budgets & alerts");

    expect((await readdir(folder)).toSorted()).toEqual([
      "000009_a.down.sql",
      "000009_a.up.sql",
      "000010_add_budgets_alerts.down.sql",
      "000010_add_budgets_alerts.up.sql",
    ]);
    expect(await readMigrationFiles(folder)).toHaveLength(2);
  });
});

describe("statements of a script", () => {
  it("are cut at their separators only, with line and marker", () => {
    const script =
      "-- why\n\n-- @statement\nselect ';\n--x'; \n-- @statement requires=access-control\nselect 2;\n-- end\n";

    expect(splitStatements(script)).toEqual([
      { sql: "select ';\n--x'", line: 4, marker: "" },
      { sql: "select 2;\n-- end", line: 7, marker: "requires=access-control" },
    ]);
  });

  it("come back whole whatever stands in them", () => {
    const statement = fc
      .string({ minLength: 1 })
      .map((text) => `select '${text.replaceAll(/[\n\r]/g, ";")}'`)
      .map((text) => text.trim());
    fc.assert(
      fc.property(fc.array(statement, { maxLength: 8 }), (statements) => {
        const script = statements.map((text) => `-- @statement\n${text}\n`).join("");
        expect(splitStatements(script).map((part) => part.sql)).toEqual(statements);
      }),
    );
  });
});
