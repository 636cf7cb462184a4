import { randomBytes, randomUUID } from "node:crypto";
import type { Client } from "pg";
import { insertEventSource } from "../../shared/postgres/event-sources.ts";
import {
  type EventSubscription,
  insertSubscription,
  type NewSubscription,
} from "../../shared/postgres/event-subscriptions.ts";

/** Events and subscriptions as rows, for what looks at nothing else of them. Everything runs with the owner's rights. */
export interface StoredEvent {
  id: string;
  receivedAt: number;
  sourceId: string;
}

export async function makeSource(sql: Client, organizationId: string): Promise<string> {
  const endpointId = randomBytes(15).toString("base64url");
  const source = { organizationId, kind: "github", endpointId, name: endpointId, config: {} } as const;
  return insertEventSource(sql, source);
}

export interface EventParts {
  sourceId?: string;
  type?: string;
  action?: string | null;
  repository?: string | null;
  payload?: unknown;
  /** Milliseconds since 1970. */
  receivedAt?: number;
  providerTime?: number | null;
}

/** An event that has been processed, with what the subscriptions look at. */
export async function storeEvent(
  sql: Client,
  organizationId: string,
  parts: EventParts = {},
): Promise<StoredEvent> {
  const id = randomUUID();
  const receivedAt = parts.receivedAt ?? Date.now();
  const sourceId = parts.sourceId ?? (await makeSource(sql, organizationId));
  const payload = "payload" in parts ? parts.payload : { action: "opened", number: 7 };
  for (const table of ["events", "event_deliveries"]) {
    await sql.query("select ensure_event_partition($1, to_timestamp($2::double precision / 1000))", [
      table,
      receivedAt,
    ]);
  }
  await sql.query(
    `insert into events
       (organization_id, id, received_at, source_id, source, event_type, action, delivery_key, body, body_sha256, is_text,
        headers, provider_time, status, processed_at, payload, repository)
     values ($1, $2::uuid, $3, $4, 'github', $5, $6, $2::uuid::text, '', sha256(''), true, '{}', $7, 'processed', now(), $8, $9)`,
    [
      organizationId,
      id,
      new Date(receivedAt),
      sourceId,
      parts.type ?? "github.pull_request",
      "action" in parts ? parts.action : "opened",
      typeof parts.providerTime === "number" ? new Date(parts.providerTime) : null,
      payload === undefined ? null : JSON.stringify(payload),
      "repository" in parts ? parts.repository : "octo/widgets",
    ],
  );
  return { id, receivedAt, sourceId };
}

export async function storeSubscription(
  sql: Client,
  organizationId: string,
  parts: Partial<NewSubscription> = {},
): Promise<EventSubscription> {
  const stored = await insertSubscription(sql, {
    organizationId,
    name: randomBytes(6).toString("hex"),
    eventTypes: ["*"],
    sourceId: null,
    repositories: null,
    projectId: null,
    conditions: null,
    targetKind: "https",
    target: "https://receiver.example.com/hooks",
    secrets: [],
    ...parts,
  });
  if (stored === null) throw new Error("there is a subscription of this name");
  return stored;
}
