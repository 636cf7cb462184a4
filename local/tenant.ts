import { Client } from "pg";
import { createApiKey, hashApiKey } from "../shared/api-key.ts";
import { findApiKey, insertApiKey } from "../shared/postgres/api-keys.ts";
import { setAlertRecipient } from "../shared/postgres/alerts.ts";
import { ensureOrganization } from "../shared/postgres/organizations.ts";
import { ensureUser } from "../shared/postgres/users.ts";

export interface Tenant {
  organization: string;
  organizationId: string;
  slug: string;
  apiKey: string;
}

const DEMO = { name: "Demo (generated data)", slug: "demo", isDemo: true };
const LOCAL = { name: "Local", slug: "local", isDemo: false };

/** The organization of a local start with its owner and a key for everything; a known key is kept while it works. */
export async function ensureTenant(
  adminDatabaseUrl: string,
  options: { demo: boolean; findKey: (slug: string) => string | undefined },
): Promise<Tenant> {
  const wanted = options.demo ? DEMO : LOCAL;
  const sql = new Client({ connectionString: adminDatabaseUrl, connectionTimeoutMillis: 10_000 });
  await sql.connect();
  try {
    const organization = await ensureOrganization(sql, wanted);
    const tenant = { organization: organization.name, organizationId: organization.id, slug: wanted.slug };
    const known = options.findKey(wanted.slug);
    if (known !== undefined && (await isUsable(sql, known, organization.id)))
      return { ...tenant, apiKey: known };
    const userId = await ensureUser(sql, {
      organizationId: organization.id,
      email: `owner@${wanted.slug}.invalid`,
      name: "Local owner",
      role: "owner",
    });
    await setAlertRecipient(sql, organization.id, true);
    const { key, hash, prefix } = createApiKey();
    await insertApiKey(sql, {
      organizationId: organization.id,
      userId,
      name: "npm start",
      keyHash: hash,
      keyPrefix: prefix,
      scopes: ["ingest", "read", "admin"],
      expiresAt: null,
    });
    return { ...tenant, apiKey: key };
  } finally {
    await sql.end();
  }
}

async function isUsable(sql: Client, key: string, organizationId: string): Promise<boolean> {
  const found = await findApiKey(sql, hashApiKey(key));
  return found !== null && found.is_active && found.organization_id === organizationId;
}
