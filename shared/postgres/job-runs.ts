import { describeError, type Log } from "../log.ts";
import { type Pool, type Sql, withSystemRole } from "./pool.ts";

/** Every job that is watched, by the name it records itself under. */
export type JobName =
  | "relay"
  | "events-sweep"
  | "events-reconcile"
  | "patterns"
  | "patterns-full"
  | "retention"
  | "health";

/** `partial`: some of the work is left or failed. Numbers and flags only: never contents. */
export interface JobResult {
  outcome: "succeeded" | "partial";
  counts: Readonly<Record<string, number | boolean>>;
}

export interface JobEnd {
  job: JobName;
  outcome: JobResult["outcome"] | "failed";
  durationMs: number;
  counts: JobResult["counts"];
  /** Class of the failure, or its SQLSTATE or system code; null without one. */
  errorClass: string | null;
}

/** Jobs that run every minute: of these the history holds only what did not succeed. */
const FREQUENT: ReadonlySet<JobName> = new Set(["relay", "events-sweep", "health"]);

const RECORD = "select record_job_run($1, $2::bigint, $3, $4::jsonb, $5, $6)";

/** Notes how a job ended, in one statement. */
export async function recordJobRun(sql: Sql, end: JobEnd): Promise<void> {
  await sql.query({
    text: RECORD,
    values: [
      end.job,
      Math.max(0, Math.round(end.durationMs)),
      end.outcome,
      JSON.stringify(end.counts),
      end.errorClass,
      !FREQUENT.has(end.job),
    ],
  });
}

/**
 * A statement that makes a month's partition by `call`, which returns its name if it was not there, and notes that it was
 * made on demand: retention makes months ahead, so one that had to be made now is a sign that it does not.
 */
export function noteMadeMonth(call: string): string {
  return `select record_job_run('${MADE_MONTH}', 0, 'partial', jsonb_build_object('partition', made.name), null, true)
from (select ${call} as name offset 0) made where made.name is not null`;
}

export const MADE_MONTH = "month-made-on-demand";

interface Recorder {
  pool: Pool;
  log: Log;
  job: JobName;
}

/**
 * Runs a job and notes how it ended; throws what the job throws. `judge` says what came of it, or null for a call that did
 * nothing because another one is at work. That a run could not be noted fails nothing: it shows as a job that is late.
 */
export async function withJobRun<T>(
  { pool, log, job }: Recorder,
  work: () => Promise<T>,
  judge: (result: T) => JobResult | null,
): Promise<T> {
  const startedAt = performance.now();
  const note = async (result: Pick<JobEnd, "outcome" | "counts" | "errorClass">): Promise<void> => {
    try {
      await recordJobRun(pool, { job, durationMs: performance.now() - startedAt, ...result });
    } catch (error) {
      log("WARNING", "the end of a job could not be noted", { job, ...describeError(error) });
    }
  };
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await note({ outcome: "failed", counts: {}, errorClass: errorClassOf(error) });
    throw error;
  }
  const judged = judge(result);
  if (judged !== null) await note({ ...judged, errorClass: null });
  return result;
}

/** The code of what went wrong at the bottom, else its class: never a message, which may quote data. */
function errorClassOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  if (error.cause instanceof Error) return errorClassOf(error.cause);
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

export interface JobState {
  job: string;
  last_outcome: JobEnd["outcome"];
  last_duration_ms: number;
  last_error_class: string | null;
  /** Seconds since it last ended, and since it last succeeded; null when it never did. */
  ended_age_seconds: number;
  succeeded_age_seconds: number | null;
  consecutive_failures: number;
  runs: number;
  failures: number;
}

export interface JobFacts {
  jobs: JobState[];
  /** Seconds since the first job could have been noted at all; null when that is not known. */
  installed_age_seconds: number | null;
}

const LIST = `
select s.job, s.last_outcome, s.last_duration_ms, s.last_error_class, s.consecutive_failures, s.runs, s.failures,
  extract(epoch from now() - s.last_ended_at)::float8 as ended_age_seconds,
  extract(epoch from now() - s.last_succeeded_at)::float8 as succeeded_age_seconds
from job_states s order by s.job limit 100`;

// The rules came with the table of jobs.
const INSTALLED = `
select extract(epoch from now() - min(created_at))::float8 as installed_age_seconds from alert_rules`;

export async function getJobFacts(pool: Pool): Promise<JobFacts> {
  return withSystemRole(pool, async (sql) => {
    const jobs = (await sql.query<JobState>({ text: LIST })).rows;
    const installed = await sql.query<Pick<JobFacts, "installed_age_seconds">>({ text: INSTALLED });
    return { jobs, installed_age_seconds: installed.rows[0]?.installed_age_seconds ?? null };
  });
}
