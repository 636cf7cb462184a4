import type { SourceKind } from "../../shared/event-source.ts";

/** The largest body any sender may send: GitHub sends nothing larger. The limit holds before and after inflating. */
export const BODY_BYTES_MAX = 25 * 1024 * 1024;
const SMALL_BODY_BYTES_MAX = 1024 * 1024;

/** How long a body above 256 KiB may take to arrive: GitHub itself gives up after this long. */
export const LARGE_BODY_MS = 10_000;

/** How large the body of one delivery may be. */
export function bodyBytesMax(kind: SourceKind): number {
  return kind === "github" ? BODY_BYTES_MAX : SMALL_BODY_BYTES_MAX;
}

/** What a gzip body may become before its sender is proved: JSON rarely shrinks to less than a twentieth. */
export function inflatedBytesMax(kind: SourceKind, receivedBytes: number): number {
  return Math.min(bodyBytesMax(kind), Math.max(SMALL_BODY_BYTES_MAX, 20 * receivedBytes));
}
