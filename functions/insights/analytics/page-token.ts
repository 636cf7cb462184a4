import { z } from "zod";
import {
  ANALYTICS,
  ANALYTICS_KINDS,
  type AnalyticsQuery,
  ENDED_STATUSES,
  filtersOf,
} from "../../../shared/analytics.ts";
import type { Source } from "../sources.ts";

/** Where a next page begins and what it continues. Not a secret: it holds nothing the caller could not have asked for. */
export interface AnalyticsPosition extends Omit<AnalyticsQuery, "limit"> {
  source: Source;
}

const OFFSET_MAX = 10_000_000;
/** Room for three filters of five hundred characters, each of up to four bytes and some escaped. */
const TOKEN_CHARS_MAX = 20_000;

/** Up to the year 2201, far inside of what both stores can hold. */
const millis = z.int().min(0).max(Date.UTC(2201, 0));
const filterText = z
  .string()
  .min(1)
  .max(500)
  .refine((value) => !value.includes("\0") && value.isWellFormed());
const content = z.tuple([
  z.enum(ANALYTICS_KINDS),
  millis,
  millis,
  z.string(),
  z.string(),
  z.boolean(),
  z.enum(["analytics", "ledger"]),
  z.int().min(1).max(OFFSET_MAX),
  z.strictObject({
    repository: filterText.optional(),
    model: filterText.optional(),
    command_base: filterText.optional(),
    status: z.enum(ENDED_STATUSES).optional(),
  }),
]);

export function writeAnalyticsToken(position: AnalyticsPosition): string {
  const { kind, from, to, groupBy, order, isDescending, source, offset, filters } = position;
  return Buffer.from(
    JSON.stringify([
      kind,
      from.getTime(),
      to.getTime(),
      groupBy,
      order,
      isDescending,
      source,
      offset,
      filters,
    ]),
  ).toString("base64url");
}

/** Null for anything that `writeAnalyticsToken` has not made. */
export function readAnalyticsToken(token: string): AnalyticsPosition | null {
  if (token.length > TOKEN_CHARS_MAX) return null;
  const parsed = content.safeParse(readJson(Buffer.from(token, "base64url").toString()));
  if (!parsed.success) return null;
  const [kind, from, to, group, orderName, isDescending, source, offset, filters] = parsed.data;
  const groupBy = ANALYTICS[kind].groups.find((name) => name === group);
  const order = ANALYTICS[kind].orders.find((name) => name === orderName);
  const given = filtersOf({ filters: Object.fromEntries(Object.entries(filters)) });
  if (groupBy === undefined || order === undefined) return null;
  return {
    kind,
    from: new Date(from),
    to: new Date(to),
    groupBy,
    order,
    isDescending,
    source,
    offset,
    filters: Object.fromEntries(given),
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
