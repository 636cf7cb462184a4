import { AppError } from "../../shared/errors.ts";
import { describeError, type Log } from "../../shared/log.ts";
import type { CheckResult, Status } from "./check.ts";
import type { RunnableGroup } from "./group.ts";
import type { Sources } from "./sources.ts";

export interface Report {
  /** The worst of the checks: critical, warning, unknown, ok. */
  status: Status;
  /** ISO time. */
  checked_at: string;
  duration_ms: number;
  counts: Record<Status, number>;
  checks: CheckResult[];
}

const WORST_FIRST: readonly Status[] = ["critical", "warning", "unknown", "ok"];

/**
 * Asks everything at once and judges what came within `deadlineMs`; the rest is told of as not known. Never throws, and
 * never waits longer, whatever hangs.
 */
export async function gatherReport(
  groups: readonly RunnableGroup[],
  sources: Sources,
  { deadlineMs, log }: { deadlineMs: number; log: Log },
): Promise<Report> {
  const startedAt = performance.now();
  const results = await Promise.all(groups.map((group) => runWithin(group, sources, { deadlineMs, log })));
  const checks = results.flat();
  const counts = { critical: 0, warning: 0, unknown: 0, ok: 0 };
  for (const { status } of checks) counts[status] += 1;
  return {
    status: WORST_FIRST.find((status) => counts[status] > 0) ?? "unknown",
    checked_at: new Date(sources.now()).toISOString(),
    duration_ms: Math.round(performance.now() - startedAt),
    counts,
    checks,
  };
}

async function runWithin(
  group: RunnableGroup,
  sources: Sources,
  { deadlineMs, log }: { deadlineMs: number; log: Log },
): Promise<CheckResult[]> {
  const stopping = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    stopping.abort();
    late.reject(new AppError("unavailable", `no answer within ${Math.round(deadlineMs)} ms`));
  }, deadlineMs);
  try {
    return await Promise.race([group.run(sources, stopping.signal), late.promise]);
  } catch (error) {
    const reason = reasonOf(error);
    log("WARNING", "a check could not be made", {
      checks: group.failed(reason).map(({ name }) => name),
      ...describeError(error),
    });
    return group.failed(reason);
  } finally {
    clearTimeout(timer);
  }
}

/** What may be told to whoever asks: a code or our own words, never a driver's message, which may quote addresses. */
function reasonOf(error: unknown): string {
  if (error instanceof AppError) return error.message;
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return "an error";
  if ("code" in error && typeof error.code === "string" && error.code !== "") return error.code;
  return /time(d )?out/i.test(error.message) ? "no answer in time" : error.name;
}
