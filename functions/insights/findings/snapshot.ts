import { z } from "zod";
import type { Finding } from "./finding.ts";
import { RULE_NAMES } from "./rule.ts";

const texts = z.array(z.string());
const finding: z.ZodType<Finding> = z.object({
  id: z.string(),
  rule: z.enum(RULE_NAMES),
  title: z.string(),
  advice: z.string(),
  confidence: z.object({ level: z.enum(["high", "medium", "low"]), because: z.string() }),
  usd_per_month: z.string().nullable(),
  computed: z.object({
    how: z.string(),
    usd_observed: z.string().nullable(),
    days_observed: z.number(),
    scaled_to_month: z.boolean(),
  }),
  affected: z.object({ commands: texts, patterns: texts, repositories: texts, models: texts }),
  evidence: z.record(z.string(), z.unknown()),
});

/** A finding as it was stored when somebody decided about it. */
export function readSnapshot(stored: unknown): Finding {
  return finding.parse(stored);
}
