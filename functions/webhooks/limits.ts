import type { SourceKind } from "../../shared/event-source.ts";

/** The largest body any sender may send: GitHub sends nothing larger. The limit holds before and after inflating. */
export const BODY_BYTES_MAX = 25 * 1024 * 1024;
const SMALL_BODY_BYTES_MAX = 1024 * 1024;

/** How large the body of one delivery may be. */
export function bodyBytesMax(kind: SourceKind): number {
  return kind === "github" ? BODY_BYTES_MAX : SMALL_BODY_BYTES_MAX;
}
