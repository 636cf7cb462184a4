import { z } from "zod";
import { AppError, type Fault } from "../../shared/errors.ts";
import { SUMMARY_GROUPS, type SummaryQuery } from "../../shared/summary.ts";
import { readPageToken } from "./page-token.ts";
import type { Source } from "./sources.ts";

export interface SummaryParameters extends SummaryQuery {
  /** Null when the caller left the choice to us. */
  source: Source | null;
}

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const DEFAULT_LIMIT = 100;
const LIMIT_MAX = 1_000;
const DAYS_MAX = 400;
/** Hours are 24 times as many rows as days. */
const DAYS_OF_HOURS_MAX = 31;
const EARLIEST = Date.parse("2000-01-01T00:00:00Z");
const LATEST = Date.parse("2200-01-01T00:00:00Z");

const notAMoment =
  "must be a date, such as 2026-11-20, or an RFC 3339 date-time, such as 2026-11-20T09:30:00Z";

const moment = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], { error: notAMoment })
  .refine((text) => Date.parse(text) >= EARLIEST && Date.parse(text) <= LATEST, {
    error: "must lie between 2000-01-01 and 2200-01-01",
  });

const schema = z.strictObject({
  from: moment.optional(),
  to: moment.optional(),
  group_by: z.enum(SUMMARY_GROUPS, { error: `must be one of ${SUMMARY_GROUPS.join(", ")}` }).optional(),
  source: z.enum(["analytics", "ledger"], { error: "must be analytics or ledger" }).optional(),
  limit: z
    .string()
    .refine((text) => /^[0-9]{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= LIMIT_MAX, {
      error: `must be a whole number from 1 to ${LIMIT_MAX}`,
    })
    .optional(),
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
  const given = parse(query);
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

function parse(query: URLSearchParams): Parameters {
  const names = [...new Set(query.keys())];
  refuseAny(
    names
      .filter((name) => query.getAll(name).length > 1)
      .map((name) => ({ pointer: pointerTo(name), detail: "is given more than once" })),
  );
  const parsed = schema.safeParse(Object.fromEntries(query));
  if (parsed.success) return parsed.data;
  throw refusal(
    parsed.error.issues.flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((name) => ({
            pointer: pointerTo(name),
            detail: `is not a parameter of this; ${known()}`,
          }))
        : [{ pointer: pointerTo(String(issue.path[0])), detail: issue.message }],
    ),
  );
}

type Asked = Omit<SummaryParameters, "limit" | "offset">;

function rangeOf({ from, to }: Parameters, nowMs: number): { from: Date; to: Date } {
  const tomorrow = Math.floor(nowMs / DAY_MS + 1) * DAY_MS;
  const end = to === undefined ? tomorrow : Date.parse(to) + (isDate(to) ? DAY_MS : 0);
  const start = from === undefined ? end - DEFAULT_DAYS * DAY_MS : Date.parse(from);
  return { from: new Date(start), to: new Date(end) };
}

function continued(given: Parameters, token: string, asked: Asked): Asked & { offset: number } {
  const position = readPageToken(token);
  if (position === null) {
    throw refusal([{ pointer: "/page_token", detail: "is not the next_page_token of an answer" }]);
  }
  const differs = {
    from: given.from !== undefined && asked.from.getTime() !== position.from.getTime(),
    to: given.to !== undefined && asked.to.getTime() !== position.to.getTime(),
    group_by: given.group_by !== undefined && asked.groupBy !== position.groupBy,
    source: given.source !== undefined && asked.source !== position.source,
  };
  refuseAny(
    Object.entries(differs)
      .filter(([, differing]) => differing)
      .map(([name]) => ({
        pointer: pointerTo(name),
        detail: "differs from the request that gave the page token",
      })),
  );
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

function refuseAny(faults: readonly Fault[]): void {
  if (faults.length > 0) throw refusal(faults);
}

function refusal(errors: readonly Fault[]): AppError {
  return new AppError("bad_request", "the parameters are not valid; see errors", { errors });
}

function isDate(text: string): boolean {
  return text.length === "2026-11-20".length;
}

function pointerTo(name: string): string {
  return `/${name.slice(0, 100).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function known(): string {
  return `there are ${Object.keys(schema.shape).join(", ")}`;
}
