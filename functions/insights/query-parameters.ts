import { z } from "zod";
import { AppError, type Fault } from "../../shared/errors.ts";
import { faultWords } from "../../shared/fault-words.ts";

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const LIMIT_MAX = 1_000;
const EARLIEST = Date.parse("2000-01-01T00:00:00Z");
const LATEST = Date.parse("2200-01-01T00:00:00Z");

const notAMoment =
  "must be a date, such as 2026-11-20, or an RFC 3339 date-time, such as 2026-11-20T09:30:00Z";

/** A date or a moment, as text. */
export const momentParameter = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], { error: notAMoment })
  .refine((text) => Date.parse(text) >= EARLIEST && Date.parse(text) <= LATEST, {
    error: "must lie between 2000-01-01 and 2200-01-01",
  });

/** A whole number from one on, as text. */
export function countParameter(max: number): z.ZodString {
  return z.string().refine((text) => /^[0-9]{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= max, {
    error: `must be a whole number from 1 to ${max}`,
  });
}

/** How many rows a page has at most, as text. */
export const limitParameter = countParameter(LIMIT_MAX);

/**
 * The query of an address as a schema has it.
 * @throws AppError bad_request with every fault: unknown names, names given twice, values that are not valid.
 */
export function parseQuery<Schema extends z.ZodObject>(
  query: URLSearchParams,
  schema: Schema,
): z.output<Schema> {
  refuseAny(
    [...new Set(query.keys())]
      .filter((name) => query.getAll(name).length > 1)
      .map((name) => ({ pointer: pointerTo(name), detail: "is given more than once" })),
  );
  const parsed = schema.safeParse(Object.fromEntries(query), { error: faultWords });
  if (parsed.success) return parsed.data;
  const known = `there are ${Object.keys(schema.shape).join(", ")}`;
  throw refusal(
    parsed.error.issues.flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((name) => ({
            pointer: pointerTo(name),
            detail: `is not a parameter of this; ${known}`,
          }))
        : [{ pointer: pointerTo(String(issue.path[0])), detail: issue.message }],
    ),
  );
}

/**
 * `from` is inclusive; `to` is exclusive, and a plain date there includes its whole day. Without them it is the last 30 days
 * up to the end of today, in UTC.
 */
export function rangeOf(
  { from, to }: { from?: string | undefined; to?: string | undefined },
  nowMs: number,
): { from: Date; to: Date } {
  const tomorrow = Math.floor(nowMs / DAY_MS + 1) * DAY_MS;
  const end = to === undefined ? tomorrow : endMs(to);
  const start = from === undefined ? end - DEFAULT_DAYS * DAY_MS : Date.parse(from);
  return { from: new Date(start), to: new Date(end) };
}

/** What a page token holds; null for one that none of these answers gave. */
export function continuedAt<Position>(position: Position | null, answer = "an answer"): Position {
  if (position !== null) return position;
  throw refusal([{ pointer: "/page_token", detail: `is not the next_page_token of ${answer}` }]);
}

/** What is given beside a page token must be what it was given for. `differs` tells by name which parameters are not. */
export function refuseOthers(
  given: Readonly<Record<string, unknown>>,
  differs: Readonly<Record<string, boolean>>,
): void {
  refuseAny(
    Object.keys(differs)
      .filter((name) => given[name] !== undefined && differs[name] === true)
      .map((name) => ({
        pointer: pointerTo(name),
        detail: "differs from the request that gave the page token",
      })),
  );
}

export function refuseAny(faults: readonly Fault[]): void {
  if (faults.length > 0) throw refusal(faults);
}

export function refusal(errors: readonly Fault[]): AppError {
  return new AppError("bad_request", "the parameters are not valid; see errors", { errors });
}

/** The RFC 6901 pointer to a parameter. */
function pointerTo(name: string): string {
  return `/${name.slice(0, 100).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** Where a range ends that has this in `to`: a plain date there includes its whole day. */
export function endMs(to: string): number {
  return Date.parse(to) + (to.length === "2026-11-20".length ? DAY_MS : 0);
}
