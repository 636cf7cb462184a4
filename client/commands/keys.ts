import { createApiKey } from "../../shared/api-key.ts";
import type { ApiKey, Scope } from "../../shared/postgres/api-keys.ts";
import { insertApiKey, listApiKeys, revokeApiKey, SCOPES } from "../../shared/postgres/api-keys.ts";
import { insertAuditLog } from "../../shared/postgres/audit-logs.ts";
import type { Organization } from "../../shared/postgres/organizations.ts";
import type { Sql } from "../../shared/postgres/pool.ts";
import { ensureUser } from "../../shared/postgres/users.ts";
import { chooseOrganization, withDatabase } from "../admin-database.ts";
import type { Command, CommandIo } from "../command.ts";
import { parseOptions, wholeNumber } from "../command.ts";
import { findLocalOrganization, getAdminDatabaseUrl } from "../connection.ts";
import { EXIT, UsageError } from "../exit-codes.ts";
import type { Column } from "../table.ts";
import { formatTable } from "../table.ts";

export const keysCommand: Command = {
  name: "keys",
  summary: "Create, list and revoke API keys.",
  usage: `Usage: netra keys create [--name NAME] [--scopes ingest,read] [--expires-days N] [--user EMAIL] [--new]
       netra keys list
       netra keys revoke ID-OR-PREFIX

A key is shown once, when it is made; only its SHA-256 is stored. Revoking takes effect within a minute.

  --organization O   id or slug; by default the local server's, or the only one there is
  --new              with create: make the organization if there is none with this slug
  --name NAME        what the key is for (netra keys)
  --scopes LIST      of ingest, read and admin (ingest,read)
  --expires-days N   days until it ends; without it the key does not expire
  --user EMAIL       whom it belongs to, made if new (cli@netra.invalid)
  --data-dir DIR     where connection.json is (.netra)
  --json             print the outcome as JSON

The database is NETRA_ADMIN_DATABASE_URL, an address with the owner's rights, else that of the local server.

Exit codes: 0 done · 1 failed, or there is no such key · 2 wrong command line`,
  run: runKeys,
};

const OPTIONS = {
  "data-dir": { type: "string" },
  organization: { type: "string" },
  new: { type: "boolean", default: false },
  name: { type: "string", default: "netra keys" },
  scopes: { type: "string", default: "ingest,read" },
  "expires-days": { type: "string" },
  user: { type: "string", default: "cli@netra.invalid" },
  json: { type: "boolean", default: false },
} as const;
type Values = ReturnType<typeof parseOptions<typeof OPTIONS>>["values"];

const DAY_MS = 86_400_000;
const APPLICATION = "netra-keys";

async function runKeys(argv: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(argv, OPTIONS);
  const [action, argument, ...more] = positionals;
  if (more.length > 0) throw new UsageError(`too many arguments: ${more.join(" ")}`);
  const source = { env: io.env, cwd: io.cwd, flags: { "data-dir": values["data-dir"] } };
  const organization = values.organization ?? findLocalOrganization(source) ?? null;
  if (action === "revoke" && argument === undefined)
    throw new UsageError("revoke needs the id or prefix of a key");
  if (action !== "revoke" && argument !== undefined) throw new UsageError(`too many arguments: ${argument}`);
  switch (action) {
    case "create": {
      const wanted = readWanted(values);
      return await withDatabase(getAdminDatabaseUrl(source), APPLICATION, async (sql) => {
        const owner = await chooseOrganization(sql, organization, values.new);
        return await create(sql, owner, wanted, values.json, io);
      });
    }
    case "list":
      return await withDatabase(getAdminDatabaseUrl(source), APPLICATION, async (sql) => {
        const keys = await listApiKeys(sql, (await chooseOrganization(sql, organization, false)).id);
        io.out(values.json ? `${JSON.stringify({ keys })}\n` : describeKeys(keys));
        return EXIT.ok;
      });
    case "revoke":
      return await withDatabase(getAdminDatabaseUrl(source), APPLICATION, async (sql) => {
        const owner = await chooseOrganization(sql, organization, false);
        const key = await revokeApiKey(sql, owner.id, argument ?? "");
        if (key === null) {
          io.err(`netra: ${owner.slug} has no key "${argument}"\n`);
          return EXIT.failure;
        }
        await audit(sql, "api_key.revoked", key);
        io.out(
          values.json
            ? `${JSON.stringify({ revoked: key })}\n`
            : `revoked ${key.key_prefix}… (${key.name})\n`,
        );
        return EXIT.ok;
      });
    case undefined:
    default:
      throw new UsageError("say create, list or revoke; see netra keys --help");
  }
}

interface Wanted {
  name: string;
  email: string;
  scopes: Scope[];
  expiresAt: Date | null;
}

function readWanted(values: Values): Wanted {
  const scopes = values.scopes.split(",").map((text) => {
    const scope = SCOPES.find((one) => one === text.trim());
    if (scope === undefined)
      throw new UsageError(`"${text.trim()}" is no scope; there are ${SCOPES.join(", ")}`);
    return scope;
  });
  const days = wholeNumber("expires-days", values["expires-days"], { min: 1, max: 3_650 });
  const name = values.name.trim();
  if (name === "" || name.length > 255) throw new UsageError("--name must have 1 to 255 characters");
  if (!/^[^\s@]{1,120}@[^\s@]{1,120}$/.test(values.user))
    throw new UsageError("--user must be an e-mail address");
  const expiresAt = days === undefined ? null : new Date(Date.now() + days * DAY_MS);
  return { name, email: values.user, scopes: [...new Set(scopes)], expiresAt };
}

async function create(
  sql: Sql,
  organization: Organization,
  wanted: Wanted,
  json: boolean,
  io: CommandIo,
): Promise<number> {
  const { name, email, scopes, expiresAt } = wanted;
  const member = { organizationId: organization.id, email, name: email, role: "member" } as const;
  const userId = await ensureUser(sql, member);
  const { key, hash, prefix } = createApiKey();
  const stored = await insertApiKey(sql, {
    organizationId: organization.id,
    userId,
    name,
    keyHash: hash,
    keyPrefix: prefix,
    scopes,
    expiresAt,
  });
  await audit(sql, "api_key.created", stored);
  if (json) {
    io.out(`${JSON.stringify({ key, stored })}\n`);
    return EXIT.ok;
  }
  io.out(`${key}\n`);
  const until = expiresAt === null ? "does not expire" : `ends ${expiresAt.toISOString()}`;
  io.err(`for ${organization.slug}, ${scopes.join(" and ")}, ${until}. It is not shown again.\n`);
  return EXIT.ok;
}

async function audit(
  sql: Sql,
  action: "api_key.created" | "api_key.revoked",
  { id, organization_id, user_id, name, scopes, key_prefix }: ApiKey,
): Promise<void> {
  await insertAuditLog(sql, {
    organizationId: organization_id,
    userId: user_id,
    action,
    resourceType: "api_key",
    resourceId: id,
    metadata: { name, scopes, prefix: key_prefix },
  });
}

function describeKeys(keys: readonly ApiKey[]): string {
  const titles = ["prefix", "name", "scopes", "state", "last used", "created", "id"];
  const columns = titles.map((title): Column => ({ title, align: "left" }));
  const rows = keys.map((key) => [
    key.key_prefix,
    key.name,
    key.scopes.join(","),
    stateOf(key),
    key.last_used_at?.toISOString().slice(0, 16) ?? "never",
    key.created_at.toISOString().slice(0, 16),
    key.id,
  ]);
  return keys.length === 0 ? "there are no keys\n" : formatTable(columns, rows);
}

function stateOf(key: ApiKey): string {
  if (key.revoked_at !== null || !key.is_active) return "revoked";
  if (key.expires_at === null) return "active";
  return key.expires_at.getTime() <= Date.now()
    ? "expired"
    : `until ${key.expires_at.toISOString().slice(0, 10)}`;
}
