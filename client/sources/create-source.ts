import {
  findListedSource,
  insertEventSource,
  insertSourceSecret,
  SourceNameTaken,
} from "../../shared/postgres/event-sources.ts";
import { insertAuditLog } from "../../shared/postgres/audit-logs.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import { UsageError } from "../exit-codes.ts";
import { randomText } from "../random-text.ts";
import type { WantedSource } from "./read-wanted-source.ts";
import { SENDERS } from "./senders.ts";
import type { NewSecret } from "./source-secret.ts";

const ENDPOINT_CHARS = 24;

export interface CreatedSource {
  id: string;
  kind: WantedSource["kind"];
  name: string;
  endpoint_id: string;
  /** Where senders post; only its path when the address of the server is not known. */
  address: string;
  config: Readonly<Record<string, unknown>>;
  secret_reference: string | null;
  /** Shown this once; null when it was not made here. */
  secret: string | null;
}

/** Makes a source with its address and secret. Throws UsageError when the name is taken. */
export async function createSource(
  sql: Sql,
  organizationId: string,
  wanted: WantedSource & { secret: NewSecret | null; webhooksUrl: string | null },
): Promise<CreatedSource> {
  const { kind, name, config, secret, webhooksUrl } = wanted;
  if ((await findListedSource(sql, organizationId, name)) !== null)
    throw new UsageError(`there is a source "${name}" already`);
  const endpointId = randomText(ENDPOINT_CHARS);
  const id = await insert(sql, { organizationId, kind, endpointId, name, config });
  const reference = secret?.store() ?? null;
  if (reference !== null) await insertSourceSecret(sql, organizationId, id, reference);
  await insertAuditLog(sql, {
    organizationId,
    userId: null,
    action: "event_source.created",
    resourceType: "event_source",
    resourceId: id,
    metadata: { name, kind, endpoint_id: endpointId, secret_reference: reference },
  });
  const address = addressOf(webhooksUrl, kind, endpointId);
  return {
    id,
    kind,
    name,
    endpoint_id: endpointId,
    address,
    config,
    secret_reference: reference,
    secret: secret?.shown ?? null,
  };
}

async function insert(sql: Sql, source: Parameters<typeof insertEventSource>[1]): Promise<string> {
  try {
    return await insertEventSource(sql, source);
  } catch (error) {
    // Somebody else made it a moment ago.
    if (error instanceof SourceNameTaken) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

export function addressOf(webhooksUrl: string | null, kind: string, endpointId: string): string {
  return `${webhooksUrl ?? ""}/${kind}/${endpointId}`;
}

/** What a person does next: what to enter at the sender, and what is still missing here. */
export function describeCreated(source: CreatedSource, isAddressKnown: boolean): string {
  const { kind, name, secret, secret_reference: reference } = source;
  const [first, second] = SENDERS[kind].advice;
  const steps = [first, second];
  if (!isAddressKnown)
    steps.push("The address is below that of the webhooks function (NETRA_WEBHOOKS_URL or --webhooks-url).");
  if (secret !== null) steps.push("The secret is not shown again.");
  if (reference === null && SENDERS[kind].secret !== "none") {
    steps.push(
      `Until the secret is here every request is refused: netra sources rotate ${JSON.stringify(name)} --secret-stdin (or --secret-ref).`,
    );
  }
  return steps.map((step) => `  ${step}\n`).join("");
}
