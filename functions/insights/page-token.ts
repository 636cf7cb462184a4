import { z } from "zod";
import { SUMMARY_GROUPS, type SummaryGroup } from "../../shared/summary.ts";
import type { Source } from "./sources.ts";

/** Where a next page begins and what it continues. Not a secret: it holds nothing the caller could not have asked for. */
interface PagePosition {
  from: Date;
  to: Date;
  groupBy: SummaryGroup;
  source: Source;
  offset: number;
}

const OFFSET_MAX = 10_000_000;
const TOKEN_CHARS_MAX = 500;

/** Up to the year 2201, far inside of what both stores can hold. */
const millis = z.int().min(0).max(Date.UTC(2201, 0));
const content = z.tuple([
  millis,
  millis,
  z.enum(SUMMARY_GROUPS),
  z.enum(["analytics", "ledger"]),
  z.int().min(1).max(OFFSET_MAX),
]);

export function writePageToken({ from, to, groupBy, source, offset }: PagePosition): string {
  return Buffer.from(JSON.stringify([from.getTime(), to.getTime(), groupBy, source, offset])).toString(
    "base64url",
  );
}

/** Null for anything that `writePageToken` has not made. */
export function readPageToken(token: string): PagePosition | null {
  if (token.length > TOKEN_CHARS_MAX) return null;
  const parsed = content.safeParse(readJson(Buffer.from(token, "base64url").toString()));
  if (!parsed.success) return null;
  const [from, to, groupBy, source, offset] = parsed.data;
  return { from: new Date(from), to: new Date(to), groupBy, source, offset };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
