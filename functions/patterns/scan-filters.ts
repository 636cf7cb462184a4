import type { ScanFilter } from "../../shared/postgres/pattern-scan.ts";
import type { Snapshot, StoredState } from "../../shared/postgres/pattern-state.ts";
import { monthAfter } from "./utc-days.ts";

export interface OrganizationDay {
  organizationId: string;
  day: string;
}

/** The executions of days before may have been archived: their roll-ups are final. */
const NOT_FROZEN = `not exists (select from pattern_frozen_days f
      where f.organization_id = e.organization_id and e.timestamp < f.before::timestamptz)`;

export function inMonth(month: string): ScanFilter {
  return {
    text: `e.timestamp >= $1::timestamptz and e.timestamp < $2::timestamptz and ${NOT_FROZEN}`,
    values: [`${month}T00:00:00Z`, `${monthAfter(month)}T00:00:00Z`],
    isNarrow: false,
  };
}

const DAYS = "unnest($1::uuid[], $2::timestamptz[]) as d (organization_id, starts)";

export function onDays(days: readonly OrganizationDay[]): ScanFilter {
  const values = [
    days.map(({ organizationId }) => organizationId),
    days.map(({ day }) => `${day}T00:00:00Z`),
  ];
  return {
    text: `exists (select from ${DAYS} where e.organization_id = d.organization_id
      and e.timestamp >= d.starts and e.timestamp < d.starts + interval '1 day')`,
    values,
    isNarrow: true,
  };
}

/** The transaction that wrote the row as its whole number: rows hold the lower half, and none is later than `$2`. */
const WRITER = `(e.xmin::text::bigint + (($2::bigint >> 32) << 32)
  - case when e.xmin::text::bigint > ($2::bigint & 4294967295) then 4294967296 else 0 end)`;

/**
 * What the last counting did not see: rows of transactions that were under way then or began later. The time only keeps
 * the rest of the ledger from being looked at.
 */
export function isUnseen(
  { seen, unseenSince }: Pick<StoredState, "seen" | "unseenSince">,
  now: Snapshot,
): ScanFilter {
  return {
    text: `e.updated_at >= $1::timestamptz and (${WRITER} >= $3::bigint or ${WRITER} = any ($4::bigint[]))`,
    values: [unseenSince, now.xmax, seen.xmax, seen.inProgress],
    isNarrow: true,
  };
}

/** Leaves out what is counted anew in the same transaction. */
export function notIn(
  filter: ScanFilter,
  month: string | undefined,
  days: readonly OrganizationDay[],
): ScanFilter {
  const texts = [filter.text];
  const values = [...filter.values];
  const others = [
    ...(month === undefined ? [] : [inMonth(month)]),
    ...(days.length === 0 ? [] : [onDays(days)]),
  ];
  for (const other of others) {
    const before = values.length;
    const text = other.text.replace(/\$(\d+)/g, (_, number: string) => `$${Number(number) + before}`);
    texts.push(`not (${text})`);
    values.push(...other.values);
  }
  return { ...filter, text: texts.join(" and "), values };
}
