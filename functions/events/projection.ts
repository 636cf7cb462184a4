import type { Json } from "../../shared/event-payload.ts";
import type { EventOrigin } from "../../shared/event-source.ts";
import type { ProjectedRows } from "../../shared/postgres/projected-rows.ts";

/** An event as a worker holds it. */
export interface ClaimedEvent {
  organizationId: string;
  id: string;
  /** Milliseconds since 1970. */
  receivedAt: number;
  sourceId: string;
  source: EventOrigin;
  eventType: string;
  action: string | null;
  deliveryKey: string;
  /** The headers that were kept, by their names in lower case. */
  headers: Readonly<Record<string, string>>;
  contentType: string;
  /** The body; null when it is no text. */
  body: string | null;
  attempts: number;
  replays: number;
  /** Whether the catalogue has its type, and whether it is switched on. */
  isKnownType: boolean;
  isEnabledType: boolean;
}

/** What an event comes to, computed from the event alone: rows for the tables, nothing that depends on their contents. */
export interface Projection {
  payload: Json;
  /** When it happened by its sender's clock, in milliseconds since 1970; null when the event does not say. */
  providerTime: number | null;
  repository: string | null;
  actor: string | null;
  rows: ProjectedRows;
}
