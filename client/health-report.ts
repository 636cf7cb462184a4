import { z } from "zod";
import type { Connection } from "./connection.ts";

const status = z.enum(["ok", "warning", "critical", "unknown"]);
const check = z.looseObject({
  name: z.string(),
  status,
  value: z.number().nullable(),
  unit: z.string().nullable(),
  age_seconds: z.number().nullable(),
  message: z.string(),
  next_step: z.string().nullable(),
});
const report = z.looseObject({
  status,
  checked_at: z.string(),
  duration_ms: z.number(),
  checks: z.array(check),
  alerts: z
    .array(
      z.looseObject({
        rule: z.string(),
        subject: z.string(),
        severity: z.string(),
        message: z.string(),
        opened_at: z.string(),
      }),
    )
    .nullable(),
});
const readiness = z.object({ postgres: z.string(), clickhouse: z.string() });
const problem = z.object({ detail: z.string() });

export type HealthStatus = z.output<typeof status>;
export type HealthReport = z.output<typeof report>;

/** A report; or, where the server gives none, why, and what its readiness says; or that there is no server. */
export type HealthAnswer =
  | { kind: "report"; report: HealthReport }
  | { kind: "refused"; reason: string; stores: { postgres: string; clickhouse: string } | null }
  | { kind: "away"; reason: string };

const TIMEOUT_MS = 10_000;

/** Asks the health function for `GET /v1/health`, and for `GET /ready` where that is not given. Never throws. */
export async function getHealth({ url, apiKey }: Connection): Promise<HealthAnswer> {
  const { host } = new URL(url);
  try {
    const answer = await get(`${url}/v1/health`, { authorization: `Bearer ${apiKey}` });
    const read = report.safeParse(answer.body);
    if (answer.status === 200 && read.success) return { kind: "report", report: read.data };
    const said = problem.safeParse(answer.body);
    const reason = said.success ? said.data.detail : "this is not Netra's health function";
    const stores = readiness.safeParse((await get(`${url}/ready`, {})).body);
    return {
      kind: "refused",
      reason: `${host} answered ${answer.status}: ${reason}`,
      stores: stores.success ? stores.data : null,
    };
  } catch {
    return { kind: "away", reason: `${host} does not answer` };
  }
}

async function get(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, { headers, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
  return { status: response.status, body: await response.json().catch(() => null) };
}
