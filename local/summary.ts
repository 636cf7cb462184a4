import { formatSummary } from "../client/format-summary.ts";
import { getSummary } from "../client/summary.ts";

const ROWS_MAX = 8;
const DAYS = 365;
const DAY_MS = 86_400_000;

/** What the ledger holds of the last year, by model and by command, as `netra stats` shows it. */
export async function describeLedger(target: { url: string; apiKey: string }, now: Date): Promise<string> {
  const connection = { url: `${target.url}/insights`, apiKey: target.apiKey };
  const question = {
    source: "ledger",
    limit: String(ROWS_MAX),
    from: new Date(now.getTime() - DAYS * DAY_MS).toISOString(),
  };
  const [models, commands] = await Promise.all([
    getSummary(connection, { ...question, group_by: "model" }),
    getSummary(connection, { ...question, group_by: "command_base" }),
  ]);
  return `${formatSummary(models)}\n${formatSummary(commands)}`;
}
