import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";

/** A folder of migration files in the run's folder, which is removed with everything at the end. */
export async function makeMigrationFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const parent = join(inject("testStack").folder, "migrations");
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "files-"));
  await writeFiles(folder, files);
  return folder;
}

/** Adds files to the folder or overwrites them. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}
