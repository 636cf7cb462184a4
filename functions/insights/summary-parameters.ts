import { z } from "zod";
import type { Fault } from "../../shared/errors.ts";
import { SUMMARY_GROUPS, type SummaryQuery } from "../../shared/summary.ts";
import { readPageToken } from "./page-token.ts";
import {
  continuedAt,
  limitParameter,
  momentParameter,
  parseQuery,
  rangeOf,
  refuseAny,
  refuseOthers,
} from "./query-parameters.ts";
import type { Source } from "./sources.ts";

export interface SummaryParameters extends SummaryQuery {
  /** Null when the caller left the choice to us. */
  source: Source | null;
}

const DAY_MS = 86_400_000;
const DEFAULT_LIMIT = 100;
const DAYS_MAX = 400;
/** Hours are 24 times as many rows as days. */
const DAYS_OF_HOURS_MAX = 31;

const schema = z.strictObject({
  from: momentParameter.optional(),
  to: momentParameter.optional(),
  group_by: z.enum(SUMMARY_GROUPS, { error: `must be one of ${SUMMARY_GROUPS.join(", ")}` }).optional(),
  source: z.enum(["analytics", "ledger"], { error: "must be analytics or ledger" }).optional(),
  limit: limitParameter.optional(),
  page_token: z.string().optional(),
});

type Parameters = z.output<typeof schema>;

/**
 * Reads the query of `GET /v1/summary`. `from` is inclusive; `to` is exclusive, and a plain date there includes its whole
 * day. Without them it is the last 30 days up to the end of today, in UTC. A page token brings its own range, grouping and
 * source; what is given beside it must be the same.
 * @throws AppError bad_request with every fault of the parameters.
 */
export function readSummaryParameters(query: URLSearchParams, nowMs: number): SummaryParameters {
  const given = parseQuery(query, schema);
  const limit = given.limit === undefined ? DEFAULT_LIMIT : Number(given.limit);
  const asked = {
    ...rangeOf(given, nowMs),
    groupBy: given.group_by ?? "day",
    source: given.source ?? null,
  } as const;
  const parameters =
    given.page_token === undefined ? { ...asked, offset: 0 } : continued(given, given.page_token, asked);
  refuseAny(rangeFaults(parameters));
  return { ...parameters, limit };
}

type Asked = Omit<SummaryParameters, "limit" | "offset">;

function continued(given: Parameters, token: string, asked: Asked): Asked & { offset: number } {
  const position = continuedAt(readPageToken(token));
  refuseOthers(given, {
    from: asked.from.getTime() !== position.from.getTime(),
    to: asked.to.getTime() !== position.to.getTime(),
    group_by: asked.groupBy !== position.groupBy,
    source: asked.source !== position.source,
  });
  return position;
}

function rangeFaults({ from, to, groupBy }: Pick<SummaryParameters, "from" | "to" | "groupBy">): Fault[] {
  const days = (to.getTime() - from.getTime()) / DAY_MS;
  const daysMax = groupBy === "hour" ? DAYS_OF_HOURS_MAX : DAYS_MAX;
  if (days <= 0) return [{ pointer: "/from", detail: "must be before to" }];
  if (days <= daysMax) return [];
  return [
    {
      pointer: "/from",
      detail: `a range has at most ${daysMax} days when grouped by ${groupBy}; ask for parts`,
    },
  ];
}
