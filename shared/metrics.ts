import { setBounded } from "./bounded-map.ts";

/**
 * What the functions of this process have answered, in plain numbers that cost next to nothing to add to. They are
 * presented where somebody asks for them; a process that nobody asks never loads more than this file.
 */
export interface RouteCounts {
  readonly service: string;
  /** `POST /v1/executions`, or OTHER_ROUTE. */
  readonly route: string;
  /** Answers by status. */
  readonly statuses: Map<number, number>;
  /** Answers within each of LATENCY_BUCKETS_SECONDS and no earlier one; the last is for those beyond all. */
  readonly buckets: Float64Array;
  seconds: number;
}

export const LATENCY_BUCKETS_SECONDS = [
  0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
] as const;

/** Where a function does not name its routes, or nobody looked at the path. */
export const OTHER_ROUTE = "(other)";

const ROUTES_MAX = 500;
// Of the process and not of a context: several functions may share one, and one of them tells of all.
const counted = new Map<string, RouteCounts>();

/** Counts the answers of one function; `route` comes from a fixed list, never from what was sent. */
export function createRequestCounter(
  service: string,
): (route: string, status: number, milliseconds: number) => void {
  const own = new Map<string, RouteCounts>();
  return (route, status, milliseconds) => {
    let counts = own.get(route);
    if (counts === undefined) {
      counts = countsOf(service, route);
      setBounded(own, route, counts, ROUTES_MAX);
    }
    counts.statuses.set(status, (counts.statuses.get(status) ?? 0) + 1);
    const seconds = milliseconds / 1_000;
    counts.seconds += seconds;
    let at = 0;
    while (at < LATENCY_BUCKETS_SECONDS.length && seconds > (LATENCY_BUCKETS_SECONDS[at] ?? 0)) at += 1;
    counts.buckets[at] = (counts.buckets[at] ?? 0) + 1;
  };
}

function countsOf(service: string, route: string): RouteCounts {
  const key = `${service} ${route}`;
  const known = counted.get(key);
  if (known !== undefined) return known;
  const made: RouteCounts = {
    service,
    route,
    statuses: new Map(),
    buckets: new Float64Array(LATENCY_BUCKETS_SECONDS.length + 1),
    seconds: 0,
  };
  setBounded(counted, key, made, ROUTES_MAX);
  return made;
}

export function listRequestCounts(): RouteCounts[] {
  return [...counted.values()];
}

export interface CacheCounts {
  readonly name: string;
  hits: number;
  misses: number;
}

const CACHES_MAX = 100;
const caches = new Map<string, CacheCounts>();

/** Where a cache counts what is asked of it; those of one name together. The name comes from the code. */
export function countCache(name: string): CacheCounts {
  const known = caches.get(name);
  if (known !== undefined) return known;
  const made = { name, hits: 0, misses: 0 };
  setBounded(caches, name, made, CACHES_MAX);
  return made;
}

export function listCacheCounts(): CacheCounts[] {
  return [...caches.values()];
}

/** What there is to know of a pool of connections. */
interface Watched {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly ended: boolean;
  readonly options: { readonly max?: number | undefined };
  on: (event: "error", listener: () => void) => unknown;
}

export interface PoolCounts {
  name: string;
  /** How many connections it may have, has, has lent out, and how many wait for one. */
  max: number;
  total: number;
  active: number;
  waiting: number;
  /** Connections that broke while nobody used them. */
  errors: number;
}

const pools = new Map<Watched, { name: string; errors: number }>();

/** Has a pool told of until it is ended. */
export function watchPool(name: string, pool: Watched): void {
  for (const known of pools.keys()) if (known.ended) pools.delete(known);
  const entry = { name, errors: 0 };
  pools.set(pool, entry);
  pool.on("error", () => (entry.errors += 1));
}

/** The pools of this process by name; those of one name together. */
export function listPoolCounts(): PoolCounts[] {
  const byName = new Map<string, PoolCounts>();
  for (const [pool, { name, errors }] of pools) {
    if (pool.ended) continue;
    const sum = byName.get(name) ?? { name, max: 0, total: 0, active: 0, waiting: 0, errors: 0 };
    sum.max += pool.options.max ?? 0;
    sum.total += pool.totalCount;
    sum.active += pool.totalCount - pool.idleCount;
    sum.waiting += pool.waitingCount;
    sum.errors += errors;
    byName.set(name, sum);
  }
  return [...byName.values()];
}
