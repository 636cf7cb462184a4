import { AppError } from "../errors.ts";
import { type Archive, listArchives, setManifest } from "../postgres/retention-archives.ts";
import type { ArchiveStore } from "./archive-store.ts";
import type { RetentionConnection } from "./connection.ts";
import { archiveFolder } from "./export-month.ts";
import { type Manifest, manifestBytes, readManifest, sha256 } from "./manifest.ts";

const NUMBERED = /manifest(?:-(\d+))?\.json$/;

/** The place of the next version of a manifest, and of the one before. */
function versionsOf(location: string): { next: string; previous: string | null } {
  const number = Number(NUMBERED.exec(location)?.[1] ?? 0);
  const named = (version: number): string =>
    location.replace(NUMBERED, version === 0 ? "manifest.json" : `manifest-${version}.json`);
  return { next: named(number + 1), previous: number === 0 ? null : named(number - 1) };
}

interface Exported {
  archive: Archive & { location: string; manifestSha256: string };
  manifest: Manifest;
}

async function* listExported(store: ArchiveStore, connection: RetentionConnection): AsyncGenerator<Exported> {
  for (const archive of await connection.run(listArchives)) {
    const { location, manifestSha256 } = archive;
    if (location === null || manifestSha256 === null) continue;
    const manifest = await readManifest(store, location, manifestSha256).catch((cause: unknown) => {
      throw new AppError(
        "conflict",
        `the archive of ${archive.month.slice(0, 7)} cannot be read at ${store.location}/${location}, so nobody can say that nothing is left in it: say where archives are with NETRA_ARCHIVE, as the function has it`,
        { cause },
      );
    });
    yield { archive: { ...archive, location, manifestSha256 }, manifest };
  }
}

/** Executions of the organization in exported archives, as their manifests tell. */
export async function countInFiles(
  store: ArchiveStore,
  connection: RetentionConnection,
  organizationId: string,
): Promise<number> {
  let rows = 0;
  for await (const { manifest } of listExported(store, connection)) {
    for (const part of manifest.parts) if (part.organization_id === organizationId) rows += part.rows;
  }
  return rows;
}

/**
 * Removes the organization's files from every exported archive; each file holds one organization. Files first, then a
 * manifest without them, then the old manifest: cut off anywhere, it is done again from the manifest on record.
 */
export async function eraseFromFiles(
  store: ArchiveStore,
  connection: RetentionConnection,
  organizationId: string,
  step: (name: string) => Promise<void>,
): Promise<void> {
  for await (const { archive, manifest } of listExported(store, connection)) {
    const { next, previous } = versionsOf(archive.location);
    if (previous !== null) await store.remove(previous);
    const gone = manifest.parts.filter((part) => part.organization_id === organizationId);
    if (gone.length === 0) continue;
    await step(`erase from the files of ${archive.month}`);
    for (const { path } of gone) await store.remove(path);
    const parts = manifest.parts.filter((part) => part.organization_id !== organizationId);
    const left: Manifest = {
      ...manifest,
      parts,
      rows: parts.reduce((sum, part) => sum + part.rows, 0),
      min_time: parts.map(({ min_time }) => min_time).toSorted()[0] ?? null,
      max_time:
        parts
          .map(({ max_time }) => max_time)
          .toSorted()
          .at(-1) ?? null,
    };
    const bytes = manifestBytes(left);
    await store.put(next, bytes);
    await readManifest(store, next, sha256(bytes));
    await step(`record the files of ${archive.month}`);
    await connection.run((sql) =>
      setManifest(sql, archive.id, {
        location: next,
        sha256: Buffer.from(sha256(bytes), "hex"),
        rows: left.rows,
      }),
    );
    await store.remove(archive.location);
  }
  // And what exports left that were cut off: no manifest names it.
  for (const archive of await connection.run(listArchives)) {
    if (archive.location !== null) await store.removeAll(`${archiveFolder(archive)}/${organizationId}`);
  }
}
