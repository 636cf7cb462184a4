import { z } from "zod";
import { generateDemo } from "./demo.ts";
import { generateDemoBranches } from "./demo-branches.ts";
import { generateDemoWebhooks } from "./demo-webhooks.ts";
import { findPullRequests } from "./find-pull-requests.ts";
import { importDemoWebhooks } from "./import-demo-webhooks.ts";
import type { Report } from "./report.ts";

const SEED = "netra";
const WEEKS = 6;
const BATCH = 500;
const PULL_REQUESTS_PER_REPOSITORY = 7;
const POST_MS = 60_000;

const answer = z.object({
  accepted: z.number(),
  duplicates: z.number(),
  updated: z.number(),
  rejected: z.array(z.object({ id: z.unknown(), errors: z.unknown() })),
});

/** Sends what the generated team did through the functions: its executions as any client would, then its webhooks. */
export async function importDemo(
  target: {
    url: string;
    apiKey: string;
    organizationId: string;
    adminDatabaseUrl: string;
    dataDirectory: string;
  },
  report: Report,
  now: Date,
  signal: AbortSignal,
): Promise<{ seed: string; upTo: string; executions: number; webhooks: number }> {
  const executions = [...generateDemo({ seed: SEED, now, weeks: WEEKS })];
  const progress = report.progress("Importing demo data", executions.length);
  const started = performance.now();
  for (let first = 0; first < executions.length; first += BATCH) {
    signal.throwIfAborted();
    await post(target, executions.slice(first, first + BATCH));
    progress.update(Math.min(first + BATCH, executions.length));
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  progress.end(`${executions.length} executions of ${WEEKS} weeks (${seconds} s)`);
  const pullRequests = findPullRequests(executions, PULL_REQUESTS_PER_REPOSITORY);
  const story = { seed: SEED, now: now.getTime() };
  const told = [
    ...generateDemoWebhooks({ ...story, pullRequests }),
    ...generateDemoBranches({ ...story, executions }),
  ].sort((a, b) => a.at - b.at);
  const webhooks = await importDemoWebhooks(target, told, report, signal);
  return { seed: SEED, upTo: now.toISOString(), executions: executions.length, webhooks };
}

async function post(target: { url: string; apiKey: string }, batch: readonly unknown[]): Promise<void> {
  const response = await fetch(`${target.url}/ingest/v1/executions`, {
    method: "POST",
    headers: { authorization: `Bearer ${target.apiKey}`, "content-type": "application/x-ndjson" },
    body: batch.map((execution) => JSON.stringify(execution)).join("\n"),
    signal: AbortSignal.timeout(POST_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the demo data was refused (${response.status}): ${text.slice(0, 500)}`);
  const { rejected } = answer.parse(JSON.parse(text));
  if (rejected.length > 0) {
    throw new Error(
      `${rejected.length} demo executions were refused: ${JSON.stringify(rejected[0]).slice(0, 500)}`,
    );
  }
}
