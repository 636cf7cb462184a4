import type { Log } from "../../../shared/log.ts";
import { listKnownDeliveries } from "../../../shared/postgres/event-reconciliation.ts";
import type { Sql } from "../../../shared/postgres/pool.ts";
import type { GithubHookClient } from "./github-deliveries.ts";
import type { OpenDelivery, ReconcileState } from "./reconcile-state.ts";

/** What a visit of a source did. */
export interface SourceOutcome {
  listed: number;
  missing: number;
  failed: number;
  redelivered: number;
  abandoned: number;
  errors: number;
  /** What kept it from looking at everything; null when nothing did. */
  stopped: Error | null;
}

/** One source's turn, while it goes on. Times in milliseconds since 1970. */
export interface Visit {
  sql: Sql;
  sourceId: string;
  hookId: number;
  client: GithubHookClient;
  state: ReconcileState;
  /** By guid; the state's own list is written from it. */
  open: Map<string, OpenDelivery>;
  /** Guids that were listed. */
  listed: Set<string>;
  outcome: SourceOutcome;
  startedAt: number;
  /** After this no request is begun, so that the others get their turn. */
  turnEnd: number;
  /** When the whole run ends. */
  runEnd: number;
  pagesLeft: number;
  asksLeft: number;
  now: () => number;
  log: Log;
  /** Keeps what is known so far. */
  save: () => Promise<void>;
}

/** Which of these events are here. An event that is here is missed by nobody, whatever GitHub was answered. */
export async function findKnown(visit: Visit, guids: readonly string[]): Promise<Set<string>> {
  if (guids.length === 0) return new Set();
  const keyOf = (guid: string): string => `${visit.hookId}:${guid}`;
  const known = await listKnownDeliveries(visit.sql, visit.sourceId, guids.map(keyOf));
  return new Set(guids.filter((guid) => known.has(keyOf(guid))));
}
