import { z } from "zod";
import type { Fault } from "../../../shared/errors.ts";
import type { ShippedQuery } from "../../../shared/postgres/shipped.ts";
import { SHIPPED_KINDS, type ShippedKind } from "../../../shared/shipped.ts";
import {
  continuedAt,
  limitParameter,
  momentParameter,
  parseQuery,
  rangeOf,
  refuseAny,
  refuseOthers,
} from "../query-parameters.ts";
import { readShippedToken, type ShippedPosition } from "./page-token.ts";

const DAY_MS = 86_400_000;
const DAYS_MAX = 400;
const DEFAULT_LIMIT = 50;

/** The states a target can be in, by what is asked for. */
const STATES: Record<ShippedKind, readonly string[]> = {
  pull_request: ["open", "merged", "closed"],
  issue: ["triage", "backlog", "unstarted", "started", "completed", "canceled", "duplicate"],
  deployment: ["success", "inactive"],
  repository: ["active", "archived", "deleted"],
};

const name = z
  .string()
  .trim()
  .min(1, { error: "must not be empty" })
  .max(300, { error: "must have at most 300 characters" })
  .refine((text) => !text.includes("\0") && text.isWellFormed(), { error: "must be text" });

const schema = z.strictObject({
  by: z.enum(SHIPPED_KINDS, { error: `must be one of ${SHIPPED_KINDS.join(", ")}` }).optional(),
  from: momentParameter.optional(),
  to: momentParameter.optional(),
  repository: name.optional(),
  person: name.optional(),
  state: name.optional(),
  environment: name.optional(),
  limit: limitParameter.optional(),
  page_token: z.string().optional(),
});

type Parameters = z.output<typeof schema>;

/**
 * Reads the query of `GET /v1/shipped`. Without a range it is the last 30 days up to the end of today, in UTC. A page token
 * brings all but the limit; what is given beside it must be the same.
 * @throws AppError bad_request with every fault of the parameters.
 */
export function readShippedParameters(query: URLSearchParams, nowMs: number): ShippedQuery {
  const given = parseQuery(query, schema);
  const limit = given.limit === undefined ? DEFAULT_LIMIT : Number(given.limit);
  const asked: ShippedPosition = {
    by: given.by ?? "pull_request",
    ...rangeOf(given, nowMs),
    person: given.person ?? null,
    repository: given.repository ?? null,
    state: given.state ?? null,
    environment: given.environment ?? null,
    offset: 0,
  };
  const position = given.page_token === undefined ? asked : continued(given, given.page_token, asked);
  refuseAny([...rangeFaults(position), ...filterFaults(position)]);
  return { ...position, limit };
}

function continued(given: Parameters, token: string, asked: ShippedPosition): ShippedPosition {
  const position = continuedAt(readShippedToken(token));
  const names = ["by", "from", "to", "repository", "person", "state", "environment"] as const;
  refuseOthers(given, Object.fromEntries(names.map((key) => [key, !isSame(asked[key], position[key])])));
  return position;
}

function isSame(a: string | Date | null, b: string | Date | null): boolean {
  return (a instanceof Date ? a.getTime() : a) === (b instanceof Date ? b.getTime() : b);
}

function rangeFaults({ from, to }: ShippedPosition): Fault[] {
  const days = (to.getTime() - from.getTime()) / DAY_MS;
  if (days <= 0) return [{ pointer: "/from", detail: "must be before to" }];
  if (days <= DAYS_MAX) return [];
  return [{ pointer: "/from", detail: `a range has at most ${DAYS_MAX} days; ask for parts` }];
}

function filterFaults({ by, state, environment }: ShippedPosition): Fault[] {
  const states = STATES[by];
  return [
    ...(state === null || states.includes(state)
      ? []
      : [{ pointer: "/state", detail: `must be one of ${states.join(", ")} when asked by ${by}` }]),
    ...(environment === null || by === "pull_request" || by === "deployment"
      ? []
      : [{ pointer: "/environment", detail: "is for pull_request and deployment only" }]),
  ];
}
