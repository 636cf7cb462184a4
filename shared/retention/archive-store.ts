import { mkdir, open, readFile, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";

/** Where exported archives are kept. Names are relative paths with `/`. */
export interface ArchiveStore {
  /** Address of the whole, for people and for the record: never a secret. */
  location: string;
  /** Stores the bytes under the name, in the place of what was there, and resolves when they are durable. */
  put: (name: string, bytes: Buffer) => Promise<void>;
  /** The bytes as they are stored now; throws when there are none. */
  get: (name: string) => Promise<Buffer>;
  /** Removes what is there; what is not there is removed already. */
  remove: (name: string) => Promise<void>;
  /** Removes a folder and all that is in it, also what was left by who was cut off. */
  removeAll: (folder: string) => Promise<void>;
}

/** The place of archives did not do what it was asked: later it may. */
export class ArchiveAway extends Error {}

/** The same store, whose failures are told apart from those of the ledger. */
export function guardStore(store: ArchiveStore): ArchiveStore {
  const guard = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (cause) {
      throw new ArchiveAway(`${store.location} does not take or give archives`, { cause });
    }
  };
  return {
    location: store.location,
    put: (name, bytes) => guard(store.put(name, bytes)),
    get: (name) => guard(store.get(name)),
    remove: (name) => guard(store.remove(name)),
    removeAll: (folder) => guard(store.removeAll(folder)),
  };
}

/** Archives in a folder. Files appear whole: written beside their place, synced, then renamed. */
export function createFolderStore(folder: string): ArchiveStore {
  const root = resolve(folder);
  const pathOf = (name: string): string => {
    const path = join(root, name);
    if (!path.startsWith(root + sep)) throw new Error("a name outside of the folder");
    return path;
  };
  return {
    location: `file://${root}`,
    async put(name, bytes) {
      const path = pathOf(name);
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.part`;
      const file = await open(temporary, "w", 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      // A file is durable when its name is, and the names of the folders above it.
      for (let above = dirname(path); above.length >= root.length; above = dirname(above))
        await syncFolder(above);
    },
    get: (name) => readFile(pathOf(name)),
    async remove(name) {
      const path = pathOf(name);
      await rm(path, { force: true });
      // A folder is named after its organization: it goes with its last file.
      await rmdir(dirname(path)).catch((error: unknown) => {
        if (!isNotEmptyOrGone(error)) throw error;
      });
    },
    removeAll: (name) => rm(pathOf(name), { recursive: true, force: true }),
  };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isNotEmptyOrGone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOENT";
}
