import { randomBytes } from "node:crypto";
import type { Client } from "pg";
import { insertEventSource, insertSourceSecret } from "../../shared/postgres/event-sources.ts";

/** A GitHub source whose secret is behind the reference; gives the id in its address. */
export async function createGithubSource(
  admin: Client,
  organizationId: string,
  reference: string,
): Promise<string> {
  const endpointId = randomBytes(18).toString("base64url");
  const source = { organizationId, kind: "github", endpointId, name: "bench", config: {} } as const;
  await insertSourceSecret(admin, organizationId, await insertEventSource(admin, source), reference);
  return endpointId;
}
