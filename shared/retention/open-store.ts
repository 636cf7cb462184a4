import { createAccessTokens } from "../pubsub/access-token.ts";
import { type ArchiveStore, createFolderStore } from "./archive-store.ts";
import { createBucketStore } from "./bucket-store.ts";

const BUCKET = /^gs:\/\/([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:\/([\w./-]*?))?\/*$/;

/** What NETRA_ARCHIVE may say, for the message about what it may not. */
export const ARCHIVE_PLACES = "must be `table`, the absolute path of a folder, or gs://bucket[/prefix]";

/** Whether the text names a place for archives. */
export function isArchivePlace(text: string): boolean {
  return text === "table" || text.startsWith("/") || BUCKET.test(text);
}

/** Null where months stay in the archive's tables. */
export function openArchiveStore(
  place: string,
  options: { metadataHost?: string | undefined; apiUrl?: string | undefined; now: () => number },
): ArchiveStore | null {
  if (place === "table") return null;
  const [, bucket, prefix = ""] = BUCKET.exec(place) ?? [];
  if (bucket === undefined) return createFolderStore(place);
  const { metadataHost, apiUrl, now } = options;
  return createBucketStore({ bucket, prefix, apiUrl, tokens: createAccessTokens({ metadataHost, now }) });
}
