import { createClient } from "@clickhouse/client";
import { Client } from "pg";
import type { SoakLedger } from "./soak-ledger.ts";
import type { SoakStack } from "./soak-stack.ts";

/** One thing that must agree: what the senders know, and what a store says. */
export interface Agreement {
  name: string;
  expected: string;
  found: string;
}

const LEDGER = `
select count(*)::text as executions, count(distinct id)::text as ids, sum(total_tokens)::text as tokens,
  trim_scale(sum(cost_usd))::text as cost, (count(*) filter (where status = 'pending'))::text as pending
from command_executions where organization_id = $1`;

const MISSING = `
select count(*)::text as missing from unnest($2::uuid[]) as sent(id)
where not exists (select from command_executions e where e.organization_id = $1 and e.id = sent.id)`;

const DAILY = `
select coalesce(sum(execution_count), 0)::text as executions, sum(total_tokens)::text as tokens,
  trim_scale(sum(total_cost))::text as cost
from daily_command_stats where organization_id = $1`;

const ROLL_UPS = `
select coalesce(sum(execution_count), 0)::text as executions from pattern_daily_rollups where organization_id = $1`;

const EVENTS = `
select count(*)::text as events, count(distinct headers ->> 'x-github-delivery')::text as deliveries,
  (count(*) filter (where status not in ('processed', 'ignored')))::text as unfinished
from events where organization_id = $1`;

const PROJECTED = `
select count(*)::text as events, count(distinct event_id)::text as ids from github_events where organization_id = $1`;

const ANALYTICS = `
select toString(count()) as executions, toString(uniqExact(id)) as ids, toString(sum(total_tokens)) as tokens,
  toString(sum(cost_usd)) as cost
from executions where organization_id = {organization:UUID}`;

const HOURLY = `
select toString(sum(executions)) as executions, toString(sum(cost_usd)) as cost
from executions_hourly where organization_id = {organization:UUID}`;

/** Compares every store with what was acknowledged. */
export async function compareTotals(stack: SoakStack, ledger: SoakLedger): Promise<Agreement[]> {
  const sql = new Client({ connectionString: stack.adminDatabaseUrl });
  await sql.connect();
  const clickhouse = createClient({ url: stack.clickhouseUrl });
  const one = async (
    text: string,
    values: unknown[] = [stack.organizationId],
  ): Promise<Record<string, string>> => (await sql.query<Record<string, string>>(text, values)).rows[0] ?? {};
  const ask = async (query: string): Promise<Record<string, string>> => {
    const answer = await clickhouse.query({
      query,
      format: "JSONEachRow",
      query_params: { organization: stack.organizationId },
    });
    return (await answer.json<Record<string, string>>())[0] ?? {};
  };
  try {
    const executions = String(ledger.executions.size);
    const deliveries = String(ledger.deliveries.size);
    const tokens = String(ledger.tokens);
    const cost = formatPico(ledger.picoUsd);
    const stored = await one(LEDGER);
    const missing = await one(MISSING, [stack.organizationId, [...ledger.executions]]);
    const daily = await one(DAILY);
    const rollUps = await one(ROLL_UPS);
    const events = await one(EVENTS);
    const projected = await one(PROJECTED);
    const analytics = await ask(ANALYTICS);
    const hourly = await ask(HOURLY);
    return [
      agree("ledger_executions", executions, stored["executions"]),
      agree("ledger_ids", executions, stored["ids"]),
      agree("ledger_missing", "0", missing["missing"]),
      agree("ledger_pending", "0", stored["pending"]),
      agree("ledger_tokens", tokens, stored["tokens"]),
      agree("ledger_cost_usd", cost, stored["cost"]),
      agree("analytics_executions", executions, analytics["executions"]),
      agree("analytics_ids", executions, analytics["ids"]),
      agree("analytics_tokens", tokens, analytics["tokens"]),
      agree("analytics_cost_usd", cost, analytics["cost"]),
      agree("analytics_hourly_executions", executions, hourly["executions"]),
      agree("analytics_hourly_cost_usd", cost, hourly["cost"]),
      agree("daily_stats_executions", executions, daily["executions"]),
      agree("daily_stats_tokens", tokens, daily["tokens"]),
      agree("daily_stats_cost_usd", cost, daily["cost"]),
      agree("pattern_executions", executions, rollUps["executions"]),
      agree("events_stored", deliveries, events["events"]),
      agree("events_distinct", deliveries, events["deliveries"]),
      agree("events_unfinished", "0", events["unfinished"]),
      agree("events_projected", deliveries, projected["ids"]),
      agree("events_projected_once", deliveries, projected["events"]),
    ];
  } finally {
    await clickhouse.close();
    await sql.end();
  }
}

function agree(name: string, expected: string, found: string | undefined): Agreement {
  return { name, expected, found: found ?? "nothing" };
}

/** Dollars without trailing zeros, as both databases print them here. */
function formatPico(pico: bigint): string {
  const digits = pico.toString().padStart(13, "0");
  const text = `${digits.slice(0, -12)}.${digits.slice(-12)}`;
  return text.replace(/\.?0+$/, "");
}
