import type { EventFilter, EventStatus } from "../../shared/postgres/event-listing.ts";
import { EVENT_STATUSES } from "../../shared/postgres/event-listing.ts";
import { findListedSource } from "../../shared/postgres/event-sources.ts";
import { EVENT_ORIGINS } from "../../shared/event-source.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import { UsageError } from "../exit-codes.ts";
import { parseTime } from "../time-option.ts";

/** Options that say which events are meant. */
export interface FilterOptions {
  source?: string | undefined;
  type?: string | undefined;
  status?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

/** A filter but for its source, which the database has to be asked for. */
export type FilterDraft = Omit<EventFilter, "sourceId" | "kind"> & { source: string | null };

const TYPE = /^[A-Za-z0-9_.*-]{1,200}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Throws UsageError for what cannot be meant. `now` in milliseconds since 1970. */
export function readFilter(options: FilterOptions, now: number): FilterDraft {
  const { source = null, type = null, status } = options;
  if (type !== null && !TYPE.test(type))
    throw new UsageError(`--type must be a type or a pattern such as github.pull_request.*, not "${type}"`);
  const since = options.since === undefined ? null : parseTime("since", options.since, now);
  const until = options.until === undefined ? null : parseTime("until", options.until, now);
  if (since !== null && until !== null && since >= until)
    throw new UsageError("--since must be before --until");
  return {
    ids: null,
    source,
    type,
    statuses: status === undefined ? null : readStatuses(status),
    since,
    until,
  };
}

function readStatuses(text: string): EventStatus[] {
  return text.split(",").map((one) => {
    const status = EVENT_STATUSES.find((known) => known === one.trim());
    if (status === undefined)
      throw new UsageError(`"${one.trim()}" is no status; there are ${EVENT_STATUSES.join(", ")}`);
    return status;
  });
}

export function readIds(texts: readonly string[]): string[] {
  return texts.map((text) => {
    const id = text.toLowerCase();
    if (!UUID.test(id))
      throw new UsageError(`"${text}" is no id of an event; netra events list --json shows them`);
    return id;
  });
}

/** The filter with its source, which may be named by name, id, the end of its address, or its kind. */
export async function completeFilter(
  sql: Sql,
  organizationId: string,
  { source, ...rest }: FilterDraft,
): Promise<EventFilter> {
  if (source === null) return { ...rest, sourceId: null, kind: null };
  const found = await findListedSource(sql, organizationId, source);
  if (found !== null) return { ...rest, sourceId: found.id, kind: null };
  const kind = EVENT_ORIGINS.find((one) => one === source);
  if (kind === undefined) {
    throw new UsageError(
      `there is no source "${source}", and it is none of the kinds ${EVENT_ORIGINS.join(", ")}`,
    );
  }
  return { ...rest, sourceId: null, kind };
}
