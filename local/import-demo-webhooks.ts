import { randomText } from "../client/random-text.ts";
import { createHmac, randomBytes } from "node:crypto";
import { Client } from "pg";
import { writeLocalSecret } from "../client/local-secrets.ts";
import { findListedSource, insertEventSource, insertSourceSecret } from "../shared/postgres/event-sources.ts";
import type { DemoWebhook } from "./demo-webhooks.ts";
import type { Report } from "./report.ts";

const SENDERS = 16;
const POST_MS = 30_000;

interface DemoSource {
  url: string;
  secret: string;
}

interface Target {
  url: string;
  organizationId: string;
  adminDatabaseUrl: string;
  dataDirectory: string;
}

/** Makes sources for the demo team's repositories and sends their webhooks, signed, as their senders would. */
export async function importDemoWebhooks(
  target: Target,
  webhooks: readonly DemoWebhook[],
  report: Report,
  signal: AbortSignal,
): Promise<number> {
  const sources = await createSources(target);
  const progress = report.progress("Sending demo webhooks", webhooks.length);
  const started = performance.now();
  let sent = 0;
  const waiting = webhooks[Symbol.iterator]();
  async function sendAll(): Promise<void> {
    for (const webhook of waiting) {
      signal.throwIfAborted();
      await send(webhook, sources[webhook.source]);
      progress.update((sent += 1));
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, sendAll));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  progress.end(`${sent} webhooks (${seconds} s)`);
  return sent;
}

/** The sources by kind; one that an interrupted import has made gets a further secret and goes on. */
async function createSources(target: Target): Promise<Record<DemoWebhook["source"], DemoSource>> {
  const sql = new Client({ connectionString: target.adminDatabaseUrl, connectionTimeoutMillis: 10_000 });
  await sql.connect();
  try {
    return {
      github: await createSource(sql, target, "github"),
      vercel: await createSource(sql, target, "vercel"),
      linear: await createSource(sql, target, "linear"),
    };
  } finally {
    await sql.end();
  }
}

async function createSource(sql: Client, target: Target, kind: DemoWebhook["source"]): Promise<DemoSource> {
  const { organizationId } = target;
  const name = `demo ${kind}`;
  const known = await findListedSource(sql, organizationId, name);
  const endpointId = known?.endpoint_id ?? randomText(24);
  const id =
    known?.id ?? (await insertEventSource(sql, { organizationId, kind, endpointId, name, config: {} }));
  const secret = randomBytes(24).toString("base64url");
  const reference = writeLocalSecret(
    target.dataDirectory,
    `demo-${kind}-${randomBytes(6).toString("hex")}`,
    secret,
  );
  await insertSourceSecret(sql, organizationId, id, reference);
  return { url: `${target.url}/webhooks/${kind}/${endpointId}`, secret };
}

async function send(told: DemoWebhook, source: DemoSource): Promise<void> {
  const webhook = told.source === "linear" ? sentNow(told) : told;
  const response = await fetch(source.url, {
    method: "POST",
    headers: { "content-type": "application/json", ...signatureHeaders(webhook, source.secret) },
    body: webhook.body,
    signal: AbortSignal.timeout(POST_MS),
  });
  const answer = await response.text();
  if (!response.ok) {
    throw new Error(`a demo webhook was refused (${response.status}): ${answer.slice(0, 500)}`);
  }
}

/** Linear signs when it sends, which must be within a minute of its arrival. */
function sentNow(webhook: DemoWebhook): DemoWebhook {
  return { ...webhook, body: webhook.body.replace(/}$/, `,"webhookTimestamp":${Date.now()}}`) };
}

function signatureHeaders({ source, event, id, body }: DemoWebhook, secret: string): Record<string, string> {
  if (source === "vercel") {
    return { "x-vercel-signature": createHmac("sha1", secret).update(body).digest("hex") };
  }
  if (source === "linear") {
    const signature = createHmac("sha256", secret).update(body).digest("hex");
    return { "user-agent": "Linear-Webhook", "linear-delivery": id, "linear-signature": signature };
  }
  return {
    "user-agent": "GitHub-Hookshot/demo",
    "x-github-event": event,
    "x-github-delivery": id,
    "x-github-hook-id": "480101",
    "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
  };
}
