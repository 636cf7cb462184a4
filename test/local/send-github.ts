import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { writeLocalSecret } from "../../client/local-secrets.ts";
import { insertEventSource, insertSourceSecret } from "../../shared/postgres/event-sources.ts";
import { asOwner } from "../helpers/tenant.ts";
import { readConnection } from "./started-runs.ts";

export interface GithubSource {
  url: string;
  secret: string;
}

/** A GitHub source in a running stack, its secret a file of the stack's folder. */
export async function createGithubSource(folder: string): Promise<GithubSource> {
  const { url, organizationId, adminDatabaseUrl } = await readConnection(folder);
  const endpointId = randomUUID();
  const secret = randomBytes(20).toString("hex");
  const reference = writeLocalSecret(folder, "of-the-test", secret);
  await asOwner(adminDatabaseUrl, async (sql) => {
    const source = { organizationId, kind: "github", endpointId, name: "test", config: {} } as const;
    await insertSourceSecret(sql, organizationId, await insertEventSource(sql, source), reference);
  });
  return { url: `${url}/webhooks/github/${endpointId}`, secret };
}

/** Sends a webhook as GitHub would; gives the status of the answer. */
export async function sendGithub(source: GithubSource, event: string, body: unknown): Promise<number> {
  const text = JSON.stringify(body);
  const response = await fetch(source.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": `sha256=${createHmac("sha256", source.secret).update(text).digest("hex")}`,
    },
    body: text,
  });
  await response.arrayBuffer();
  return response.status;
}
