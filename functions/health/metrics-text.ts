import { Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";
import {
  LATENCY_BUCKETS_SECONDS,
  listCacheCounts,
  listPoolCounts,
  listRequestCounts,
  type RouteCounts,
} from "../../shared/metrics.ts";
import type { ListedAlert } from "../../shared/postgres/alerts.ts";
import type { Report } from "./gather.ts";

export const OPENMETRICS_TYPE = Registry.OPENMETRICS_CONTENT_TYPE;

const STATUSES = ["ok", "warning", "critical", "unknown"] as const;

/** Checks under the names others know their values by. */
const DATABASE_METRICS: Readonly<Record<string, readonly [name: string, help: string, factor?: number]>> = {
  connection_slots: [
    "database_connection_slots_used_percent",
    "Used part of the connections the server has.",
  ],
  active_connections: ["database_active_connections_percent", "Connections at work, of those there can be."],
  slow_queries: ["database_slow_query_count", "Statements that have run for more than 5 seconds."],
  deadlocks: ["database_deadlock_count", "Deadlocks within the last hour."],
  cache_hit_ratio: ["database_cache_hit_ratio", "Part of block reads answered from memory.", 0.01],
  index_use: [
    "database_index_usage_ratio",
    "Part of the reads of the least indexed large table that use one.",
    0.01,
  ],
  database_size: ["database_size_bytes", "Size of the database."],
  table_size: ["database_table_size_bytes", "Size of the largest table."],
  replication_lag: ["database_replication_lag_seconds", "How far the last replica is behind."],
  postgres_connection: [
    "database_connection_latency_milliseconds",
    "Time to a connection and an answer on it.",
  ],
  long_transactions: ["database_longest_transaction_seconds", "Age of the longest open transaction."],
  relay_backlog: ["netra_relay_backlog_records", "Records the analytics copy lacks."],
  relay_lag: ["netra_relay_lag_seconds", "Age of the oldest record the analytics copy lacks."],
  last_execution: ["netra_last_execution_age_seconds", "A span within which an execution was stored."],
};

type Metrics = Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>;

/** Everything as OpenMetrics text. Labels come from fixed lists: names of checks, functions, routes and statuses. */
export async function metricsText(report: Report, alerts: readonly ListedAlert[] | null): Promise<string> {
  const registry: Metrics = new Registry();
  registry.setContentType(OPENMETRICS_TYPE);
  addChecks(registry, report);
  if (alerts !== null) addAlerts(registry, alerts);
  addPools(registry);
  addCaches(registry);
  addRequests(registry, listRequestCounts());
  return registry.metrics();
}

function addChecks(registry: Metrics, report: Report): void {
  const registers = [registry];
  const status = new Gauge({
    name: "netra_check_status",
    help: "1 for the status a check has.",
    labelNames: ["check", "status"],
    registers,
  });
  const value = new Gauge({
    name: "netra_check_value",
    help: "What a check measured, in its unit.",
    labelNames: ["check", "unit"],
    registers,
  });
  for (const check of report.checks) {
    for (const one of STATUSES) status.set({ check: check.name, status: one }, check.status === one ? 1 : 0);
    if (check.value === null) continue;
    value.set({ check: check.name, unit: check.unit ?? "" }, check.value);
    const known = DATABASE_METRICS[check.name];
    if (known === undefined) continue;
    const [name, help, factor = 1] = known;
    new Gauge({ name, help, registers }).set(check.value * factor);
  }
}

function addAlerts(registry: Metrics, alerts: readonly ListedAlert[]): void {
  const open = new Gauge({
    name: "netra_alerts_open",
    help: "Alerts that are open.",
    labelNames: ["severity"],
    registers: [registry],
  });
  for (const severity of ["warning", "critical"] as const) {
    open.set({ severity }, alerts.filter((alert) => alert.severity === severity).length);
  }
}

function addPools(registry: Metrics): void {
  const registers = [registry];
  const labelNames = ["pool"] as const;
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers });
  const used = gauge("database_pool_utilization_percent", "Connections of a pool that are in use.");
  const active = gauge("database_active_connections", "Connections of a pool that are in use.");
  const waiting = gauge("database_pool_waiting_requests", "Requests that wait for a connection of a pool.");
  const errors = new Counter({
    name: "database_connection_errors",
    help: "Connections of a pool that broke while nobody used them.",
    labelNames,
    registers,
  });
  for (const pool of listPoolCounts()) {
    const labels = { pool: pool.name };
    used.set(labels, (100 * pool.active) / pool.max);
    active.set(labels, pool.active);
    waiting.set(labels, pool.waiting);
    errors.inc(labels, pool.errors);
  }
}

function addCaches(registry: Metrics): void {
  const requests = new Counter({
    name: "netra_cache_requests",
    help: "Questions to a cache of answers of this process, by whether it had the answer.",
    labelNames: ["cache", "result"],
    registers: [registry],
  });
  for (const { name, hits, misses } of listCacheCounts()) {
    requests.inc({ cache: name, result: "hit" }, hits);
    requests.inc({ cache: name, result: "miss" }, misses);
  }
}

function addRequests(registry: Metrics, counts: readonly RouteCounts[]): void {
  const registers = [registry];
  const requests = new Counter({
    name: "netra_requests",
    help: "Requests that were answered by this process.",
    labelNames: ["function", "route", "status"],
    registers,
  });
  const errors = new Counter({
    name: "netra_request_errors",
    help: "Those of them that failed here: answered with 500 and above.",
    labelNames: ["function", "route"],
    registers,
  });
  for (const { service, route, statuses } of counts) {
    let failed = 0;
    for (const [status, count] of statuses) {
      requests.inc({ function: service, route, status }, count);
      if (status >= 500) failed += count;
    }
    errors.inc({ function: service, route }, failed);
  }
  // eslint-disable-next-line no-new
  new CountedHistogram(counts, registry);
}

/** A histogram of what was counted elsewhere: the library's own would have to be told of each request. */
class CountedHistogram extends Histogram<"le" | "function" | "route"> {
  readonly #counts: readonly RouteCounts[];
  static readonly metric = "netra_request_duration_seconds";
  static readonly help = "How long answers took.";

  constructor(counts: readonly RouteCounts[], registry: Metrics) {
    super({ name: CountedHistogram.metric, help: CountedHistogram.help, registers: [registry] });
    this.#counts = counts;
  }

  /** What the registry asks a metric for. */
  async getForPromString() {
    return {
      name: CountedHistogram.metric,
      help: CountedHistogram.help,
      type: "histogram",
      aggregator: "sum",
      values: this.#counts.flatMap(valuesOf),
    };
  }
}

function valuesOf({ service, route, buckets, seconds }: RouteCounts) {
  const labels = { function: service, route };
  let total = 0;
  const values: {
    metricName: string;
    labels: Record<string, string | number>;
    value: number;
    exemplar: null;
  }[] = [];
  for (const [at, count] of buckets.entries()) {
    total += count;
    const le = LATENCY_BUCKETS_SECONDS[at] ?? "+Inf";
    values.push({
      metricName: `${CountedHistogram.metric}_bucket`,
      labels: { le, ...labels },
      value: total,
      exemplar: null,
    });
  }
  values.push({ metricName: `${CountedHistogram.metric}_sum`, labels, value: seconds, exemplar: null });
  values.push({ metricName: `${CountedHistogram.metric}_count`, labels, value: total, exemplar: null });
  return values;
}
