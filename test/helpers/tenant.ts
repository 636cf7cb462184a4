import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { createApiKey } from "../../shared/api-key.ts";
import { type ApiKey, insertApiKey, type Scope, SCOPES } from "../../shared/postgres/api-keys.ts";
import { ensureOrganization } from "../../shared/postgres/organizations.ts";
import { ensureUser } from "../../shared/postgres/users.ts";

export interface Tenant {
  organizationId: string;
  userId: string;
  /** A key with all scopes. */
  key: string;
  createKey: (options?: {
    scopes?: readonly Scope[];
    expiresAt?: Date;
  }) => Promise<{ key: string; stored: ApiKey }>;
}

/** A new organization with a user and a key, made with the owner's rights. */
export async function createTenant(adminDatabaseUrl: string): Promise<Tenant> {
  const slug = `t-${randomBytes(6).toString("hex")}`;
  const { organizationId, userId } = await asOwner(adminDatabaseUrl, async (sql) => {
    const organization = await ensureOrganization(sql, { name: slug, slug, isDemo: false });
    const user = {
      organizationId: organization.id,
      email: `${slug}@example.test`,
      name: "Test",
      role: "owner",
    } as const;
    return { organizationId: organization.id, userId: await ensureUser(sql, user) };
  });
  const createKey: Tenant["createKey"] = async (options = {}) => {
    const { key, hash, prefix } = createApiKey();
    const stored = await asOwner(adminDatabaseUrl, (sql) =>
      insertApiKey(sql, {
        organizationId,
        userId,
        name: "test",
        keyHash: hash,
        keyPrefix: prefix,
        scopes: options.scopes ?? SCOPES,
        expiresAt: options.expiresAt ?? null,
      }),
    );
    return { key, stored };
  };
  return { organizationId, userId, key: (await createKey()).key, createKey };
}

/** Runs statements with the owner's rights, past row-level security. */
export async function asOwner<T>(adminDatabaseUrl: string, work: (sql: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: adminDatabaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
