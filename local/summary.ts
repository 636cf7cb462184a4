import { z } from "zod";
import { parseUsd } from "../shared/agent/usd.ts";
import { writeTable } from "./table.ts";

const ROWS_MAX = 8;
const DAYS = 365;
const DAY_MS = 86_400_000;
const TIMEOUT_MS = 30_000;
const PICO_PER_CENT = 10n ** 10n;

const count = z.number().nullable();
const measures = z.object({
  executions: z.number(),
  failures: z.number(),
  input_tokens: count,
  output_tokens: count,
  cache_read_tokens: count,
  cache_write_5m_tokens: count,
  cache_write_1h_tokens: count,
  total_tokens: count,
  cache_hit_rate: count,
  cost_usd: z.string().nullable(),
});
type Measures = z.infer<typeof measures>;

const summary = z.object({
  total: measures,
  pending: z.number(),
  groups: z.number(),
  rows: z.array(measures.extend({ key: z.string().nullable() })),
});

const HEAD = [
  "",
  "executions",
  "failed",
  "input",
  "output",
  "cache read",
  "cache write",
  "total",
  "hits",
  "USD",
];

/** What the ledger holds of the last year as a short table: altogether, by model and by command. */
export async function describeLedger(target: { url: string; apiKey: string }, now: Date): Promise<string> {
  const [models, commands] = await Promise.all([ask(target, "model", now), ask(target, "command_base", now)]);
  return writeTable([
    HEAD,
    ["ended", ...cells(models.total)],
    ...(models.pending === 0 ? [] : [["still running", models.pending.toLocaleString("en")]]),
    ...section("by model", models),
    ...section("by command", commands),
  ]);
}

async function ask(
  target: { url: string; apiKey: string },
  groupBy: "model" | "command_base",
  now: Date,
): Promise<z.infer<typeof summary>> {
  const query = new URLSearchParams({
    group_by: groupBy,
    source: "ledger",
    limit: String(ROWS_MAX),
    from: new Date(now.getTime() - DAYS * DAY_MS).toISOString(),
  });
  const response = await fetch(`${target.url}/insights/v1/summary?${query.toString()}`, {
    headers: { authorization: `Bearer ${target.apiKey}` },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the summary was refused (${response.status}): ${text.slice(0, 500)}`);
  return summary.parse(JSON.parse(text));
}

function section(title: string, { groups, rows }: z.infer<typeof summary>): string[][] {
  if (rows.length === 0) return [];
  const more = groups - rows.length;
  return [
    [title],
    ...rows.map((row) => [`  ${row.key ?? "(unknown)"}`, ...cells(row)]),
    ...(more > 0 ? [[`  and ${more} more`]] : []),
  ];
}

function cells(row: Measures): string[] {
  const written = [row.cache_write_5m_tokens, row.cache_write_1h_tokens].filter((tokens) => tokens !== null);
  return [
    row.executions.toLocaleString("en"),
    row.failures.toLocaleString("en"),
    shorten(row.input_tokens),
    shorten(row.output_tokens),
    shorten(row.cache_read_tokens),
    shorten(written.length === 0 ? null : written.reduce((sum, tokens) => sum + tokens, 0)),
    shorten(row.total_tokens),
    row.cache_hit_rate === null ? "–" : `${row.cache_hit_rate.toFixed(1)} %`,
    writeDollars(row.cost_usd),
  ];
}

function shorten(tokens: number | null): string {
  if (tokens === null) return "–";
  return tokens.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 4 });
}

/** To the cent, half away from zero; the exact amount is in the ledger. */
function writeDollars(decimal: string | null): string {
  const pico = decimal === null ? null : parseUsd(decimal);
  if (pico === null) return "–";
  const cents = (pico + PICO_PER_CENT / 2n) / PICO_PER_CENT;
  return `${(cents / 100n).toLocaleString("en")}.${(cents % 100n).toString().padStart(2, "0")}`;
}
