import { z } from "zod";
import {
  ANALYTICS,
  ANALYTICS_FILTERS,
  type AnalyticsGroup,
  type AnalyticsKind,
  type AnalyticsOrder,
  type AnalyticsQuery,
  ENDED_STATUSES,
} from "../../../shared/analytics.ts";
import {
  continuedAt,
  limitParameter,
  momentParameter,
  parseQuery,
  rangeOf,
  refusal,
  refuseOthers,
} from "../query-parameters.ts";
import type { Source } from "../sources.ts";
import { type AnalyticsPosition, readAnalyticsToken } from "./page-token.ts";

export interface AnalyticsParameters extends AnalyticsQuery {
  /** Null when the caller left the choice to us. */
  source: Source | null;
}

export type AnalyticsFormat = "json" | "csv";

const DAY_MS = 86_400_000;
const DEFAULT_LIMIT = 100;
const DAYS_MAX = 400;
/** Hours are 24 times as many rows as days. */
const DAYS_OF_HOURS_MAX = 31;
const FILTER_CHARS_MAX = 500;

const filterText = z
  .string()
  .min(1, { error: "must not be empty" })
  .max(FILTER_CHARS_MAX, { error: `must have at most ${FILTER_CHARS_MAX} characters` })
  .refine((text) => !text.includes("\0"), { error: "must not hold a null character" });

function schemaOf(kind: AnalyticsKind) {
  const { groups, orders } = ANALYTICS[kind];
  const oneOf = <T extends string>(names: readonly T[]) =>
    z.enum(names, { error: `must be one of ${names.join(", ")} for ${kind}` });
  return z.strictObject({
    from: momentParameter.optional(),
    to: momentParameter.optional(),
    group_by: oneOf<AnalyticsGroup>(groups).optional(),
    order: oneOf<AnalyticsOrder>(orders).optional(),
    direction: z.enum(["asc", "desc"], { error: "must be asc or desc" }).optional(),
    repository: filterText.optional(),
    model: filterText.optional(),
    command_base: filterText.optional(),
    status: z.enum(ENDED_STATUSES, { error: `must be one of ${ENDED_STATUSES.join(", ")}` }).optional(),
    source: z.enum(["analytics", "ledger"], { error: "must be analytics or ledger" }).optional(),
    format: z.enum(["json", "csv"], { error: "must be json or csv" }).optional(),
    limit: limitParameter.optional(),
    page_token: z.string().optional(),
  });
}

type Schema = ReturnType<typeof schemaOf>;
type Parameters = z.output<Schema>;

/** Each made at the first question of its kind: a schema takes longer to make than to read with. */
const schemas = new Map<AnalyticsKind, Schema>();

function knownSchemaOf(kind: AnalyticsKind): Schema {
  const schema = schemas.get(kind) ?? schemaOf(kind);
  schemas.set(kind, schema);
  return schema;
}

type Asked = Omit<AnalyticsParameters, "limit" | "offset">;

/**
 * Reads the query of `GET /v1/analytics/{kind}`. A page token brings its own range, grouping, order, filters and source; what
 * is given beside it must be the same. The format is null when the address does not say it.
 * @throws AppError bad_request with every fault of the parameters.
 */
export function readAnalyticsParameters(
  kind: AnalyticsKind,
  query: URLSearchParams,
  nowMs: number,
): { parameters: AnalyticsParameters; format: AnalyticsFormat | null } {
  const given = parseQuery(query, knownSchemaOf(kind));
  const asked = askedOf(kind, given, nowMs);
  const position =
    given.page_token === undefined ? { ...asked, offset: 0 } : continued(given, given.page_token, asked);
  refuseLongRange(position);
  const limit = given.limit === undefined ? DEFAULT_LIMIT : Number(given.limit);
  return { parameters: { ...position, limit }, format: given.format ?? null };
}

function askedOf(kind: AnalyticsKind, given: Parameters, nowMs: number): Asked {
  const { groups, orders } = ANALYTICS[kind];
  const order = given.order ?? orders[0];
  return {
    kind,
    ...rangeOf(given, nowMs),
    groupBy: given.group_by ?? groups[0],
    order,
    isDescending: given.direction === undefined ? order !== "key" : given.direction === "desc",
    filters: Object.fromEntries(
      ANALYTICS_FILTERS.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
    ),
    source: given.source ?? null,
  };
}

function continued(given: Parameters, token: string, asked: Asked): AnalyticsPosition {
  const read = readAnalyticsToken(token);
  const position = continuedAt(read?.kind === asked.kind ? read : null, `an answer about ${asked.kind}`);
  refuseOthers(given, {
    from: asked.from.getTime() !== position.from.getTime(),
    to: asked.to.getTime() !== position.to.getTime(),
    group_by: asked.groupBy !== position.groupBy,
    order: asked.order !== position.order,
    direction: asked.isDescending !== position.isDescending,
    source: asked.source !== position.source,
    ...Object.fromEntries(
      ANALYTICS_FILTERS.map((name) => [name, asked.filters[name] !== position.filters[name]]),
    ),
  });
  return position;
}

function refuseLongRange({ from, to, groupBy }: Pick<Asked, "from" | "to" | "groupBy">): void {
  const days = (to.getTime() - from.getTime()) / DAY_MS;
  const daysMax = groupBy === "hour" ? DAYS_OF_HOURS_MAX : DAYS_MAX;
  if (days <= 0) throw refusal([{ pointer: "/from", detail: "must be before to" }]);
  if (days <= daysMax) return;
  const detail = `a range has at most ${daysMax} days when grouped by ${groupBy}; ask for parts`;
  throw refusal([{ pointer: "/from", detail }]);
}
