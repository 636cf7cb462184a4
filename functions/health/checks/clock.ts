import { type CheckResult, judge } from "../check.ts";

interface ClockFacts {
  clock_ahead: number;
  clock_uncertainty: number;
}

/** A clock is off by no less than what the time of the answer does not explain. */
export function judgeClock(name: string, server: string, facts: ClockFacts): CheckResult {
  const off = Math.max(0, Math.abs(facts.clock_ahead) - facts.clock_uncertainty);
  const direction = facts.clock_ahead < 0 ? "behind" : "ahead of";
  return judge({
    name,
    value: Number.isNaN(facts.clock_ahead) ? null : off,
    unit: "s",
    warning: 2,
    critical: 30,
    message: `The clock of ${server} is ${off.toFixed(1)} s ${direction} that of this function, at least.`,
    nextStep:
      "Have both set by time servers: signatures, partitions and what is due are decided by these clocks.",
  });
}
