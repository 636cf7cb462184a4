/** How a thing stands. Unknown is what could not be asked or judged: it is never ok. */
export type Status = "ok" | "warning" | "critical" | "unknown";

/** From where on a value is bad: at or above, or at or below where less is worse. */
interface Threshold {
  warning: number | null;
  critical: number | null;
  worse: "above" | "below";
}

export interface CheckResult {
  name: string;
  status: Status;
  /** Null where there is nothing to measure, or where it could not be measured. */
  value: number | null;
  threshold: Threshold | null;
  unit: string | null;
  /** How old what is judged is: the oldest that waits, the last success. */
  age_seconds: number | null;
  message: string;
  /** What to do; null while there is nothing to do. */
  next_step: string | null;
}

interface Judgement {
  name: string;
  value: number | null;
  unit: string;
  warning?: number;
  critical?: number;
  worse?: "above" | "below";
  ageSeconds?: number;
  message: string;
  nextStep: string;
}

/** Judges a value by its thresholds. No value is unknown. */
export function judge(judgement: Judgement): CheckResult {
  const { name, value, unit, message, nextStep, ageSeconds } = judgement;
  const threshold: Threshold = {
    warning: judgement.warning ?? null,
    critical: judgement.critical ?? null,
    worse: judgement.worse ?? "above",
  };
  const status = value === null || Number.isNaN(value) ? "unknown" : statusOf(value, threshold);
  return {
    name,
    status,
    value: status === "unknown" ? null : value,
    threshold,
    unit,
    age_seconds: ageSeconds ?? null,
    message,
    next_step: status === "ok" ? null : nextStep,
  };
}

function statusOf(value: number, { warning, critical, worse }: Threshold): Status {
  const reaches = (limit: number | null): boolean =>
    limit !== null && (worse === "above" ? value >= limit : value <= limit);
  if (reaches(critical)) return "critical";
  return reaches(warning) ? "warning" : "ok";
}

/** A check of something that can be judged without a measure. */
export function state(
  name: string,
  status: Status,
  message: string,
  options: { nextStep?: string; ageSeconds?: number | null } = {},
): CheckResult {
  return {
    name,
    status,
    value: null,
    threshold: null,
    unit: null,
    age_seconds: options.ageSeconds ?? null,
    message,
    next_step: status === "ok" ? null : (options.nextStep ?? null),
  };
}
