import {
  getJobFacts,
  type JobFacts,
  type JobName,
  type JobState,
} from "../../../shared/postgres/job-runs.ts";
import { type CheckResult, judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long ago each job may have succeeded last, in seconds, by how often it is called. */
const JOBS: Readonly<Record<JobName, { warning: number; critical: number; what: string }>> = {
  relay: { warning: 5 * MINUTE, critical: 30 * MINUTE, what: "POST /v1/relay of ingest, each minute" },
  "events-sweep": { warning: 5 * MINUTE, critical: 30 * MINUTE, what: "POST /sweep of events, each minute" },
  "events-reconcile": {
    warning: HOUR,
    critical: 6 * HOUR,
    what: "POST /reconcile of events, each ten minutes",
  },
  patterns: { warning: 3 * HOUR, critical: 12 * HOUR, what: "POST /run of patterns, each hour" },
  "patterns-full": {
    warning: 30 * HOUR,
    critical: 3 * DAY,
    what: "POST /run?mode=full of patterns, each night",
  },
  retention: { warning: 30 * HOUR, critical: 3 * DAY, what: "POST /run of retention, each night" },
  health: { warning: 5 * MINUTE, critical: 30 * MINUTE, what: "POST /run of health, each minute" },
};
const NAMES = Object.keys(JOBS).filter((name): name is JobName => name in JOBS);
/** This many failures in a row are no accident, whenever the last success was. */
const FAILURES_MAX = 3;

export const jobs: CheckGroup<JobFacts> = {
  names: NAMES.map(checkName),
  fetch: ({ pool }) => getJobFacts(pool),
  evaluate: (facts) =>
    NAMES.map((name) => {
      const found = facts.jobs.find(({ job }) => job === name);
      return found === undefined ? judgeUnseen(name, facts.installed_age_seconds) : judgeJob(name, found);
    }),
};

function checkName(job: JobName): string {
  return `job_${job.replaceAll("-", "_")}`;
}

/** A job that never ran is not one that is stuck, until it has had the time to run. */
function judgeUnseen(job: JobName, installed: number | null): CheckResult {
  const { warning, what } = JOBS[job];
  const isLate = installed !== null && installed >= warning;
  const age = installed === null ? "" : ` in the ${duration(installed)} since jobs are noted`;
  return state(checkName(job), isLate ? "warning" : "unknown", `It has never run${age}.`, {
    nextStep: `Have the scheduler call ${what}.`,
  });
}

function judgeJob(job: JobName, found: JobState): CheckResult {
  const { warning, critical, what } = JOBS[job];
  const age = found.succeeded_age_seconds;
  const succeeded = age === null ? "It has never succeeded" : `It last succeeded ${duration(age)} ago`;
  const result = judge({
    name: checkName(job),
    // One that ran and never succeeded is judged by what it did last.
    value: age ?? found.ended_age_seconds,
    unit: "s",
    warning,
    critical,
    ageSeconds: age ?? found.ended_age_seconds,
    message: `${succeeded}; the last run took ${(found.last_duration_ms / 1_000).toFixed(1)} s and ${describeEnd(found)}.`,
    nextStep: nextStep(found, what),
  });
  const worst = found.consecutive_failures >= FAILURES_MAX ? "critical" : "warning";
  if (found.last_outcome === "succeeded" || result.status === "critical") return result;
  return { ...result, status: worst, next_step: nextStep(found, what) };
}

function describeEnd({ last_outcome, last_error_class, consecutive_failures }: JobState): string {
  if (last_outcome === "succeeded") return "succeeded";
  if (last_outcome === "partial") return "did a part of its work";
  return `failed with ${last_error_class ?? "an error"} (${consecutive_failures} in a row)`;
}

function nextStep({ last_outcome, job }: JobState, what: string): string {
  if (last_outcome === "succeeded") return `Look whether the scheduler calls ${what}.`;
  if (last_outcome === "partial")
    return `The rest is done by later runs (${what}); job_runs shows what is left if it stays so.`;
  return `Look in the log of the function that does ${job}, and at the checks of the stores.`;
}

function duration(seconds: number): string {
  if (seconds < 2 * MINUTE) return `${Math.round(seconds)} s`;
  if (seconds < 2 * HOUR) return `${Math.round(seconds / MINUTE)} min`;
  return seconds < 2 * DAY ? `${Math.round(seconds / HOUR)} h` : `${Math.round(seconds / DAY)} days`;
}
