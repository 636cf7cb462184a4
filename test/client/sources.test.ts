import { randomUUID } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { SOURCE_CONFIGS } from "../../shared/event-source-config.ts";
import { findEventSource } from "../../shared/postgres/event-sources.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { asOwner, createTenant, type Tenant } from "../helpers/tenant.ts";
import { signGithub, startWebhooks } from "../helpers/webhooks.ts";
import { type CommandLine, createCommandLine } from "./command-line.ts";

interface Created {
  source: {
    id: string;
    address: string;
    endpoint_id: string;
    config: Record<string, unknown>;
    secret: string | null;
    secret_reference: string | null;
  };
}

let databases: TestDatabases;
let tenant: Tenant;
let other: Tenant;
let local: CommandLine;
let remote: CommandLine;

beforeAll(async () => {
  databases = await createDatabases();
  const { adminDatabaseUrl } = databases;
  tenant = await createTenant(adminDatabaseUrl);
  other = await createTenant(adminDatabaseUrl);
  local = createCommandLine({ local: { adminDatabaseUrl, organizationId: tenant.organizationId } });
  remote = createCommandLine({
    env: { NETRA_ADMIN_DATABASE_URL: adminDatabaseUrl, NETRA_WEBHOOKS_URL: "https://hooks.example.com/" },
  });
});
afterAll(async () => {
  local.remove();
  remote.remove();
  await databases.close();
});

const name = (): string => `source ${randomUUID()}`;

async function listAudits(resourceId: string): Promise<{ action: string; metadata: unknown }[]> {
  const text = "select action, metadata from audit_logs where resource_id = $1 order by id";
  return await asOwner(
    databases.adminDatabaseUrl,
    async (sql) => (await sql.query<{ action: string; metadata: unknown }>(text, [resourceId])).rows,
  );
}

/** What the webhooks function finds behind an address, its secrets as it reads them, newest first. */
async function findAsFunction(endpointId: string) {
  const found = await asOwner(databases.databaseUrl, (sql) => findEventSource(sql, endpointId));
  if (found === null) throw new Error("there is no such source");
  const directory = join(local.folder, "secrets");
  const source = createSecretSource({ env: {}, directory, log: () => {}, now: Date.now });
  const values = await Promise.all(found.secrets.map(({ reference }) => source.read(reference)));
  return { ...found, values };
}

describe("netra sources create", () => {
  it("makes an address and a secret the webhooks function can read, and says both once", async () => {
    const wanted = name();
    const { code, out, err } = await local.run(["sources", "create", "--kind", "github", "--name", wanted]);

    expect(code).toBe(0);
    const [address = "", secret = "", ...more] = out.split("\n");
    expect(more).toEqual([""]);
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:8080\/webhooks\/github\/[A-Za-z0-9]{22,40}$/);
    expect(err).toContain("Content type application/json");
    const found = await findAsFunction(address.split("/").at(-1) ?? "");
    expect(found).toMatchObject({ kind: "github", status: "active", organization_id: tenant.organizationId });
    expect(found.values).toEqual([secret]);
    expect(found.secrets[0]?.reference).toMatch(/^file:/);
    const listed = await local.run(["sources", "list"]);
    expect(listed.out).toContain(wanted);
    expect(listed.out).toContain(address);
    expect(listed.out).not.toContain(secret);
    const dump = await asOwner(databases.adminDatabaseUrl, async (sql) => {
      const text = `select (select jsonb_agg(s) from event_source_secrets s), (select jsonb_agg(a) from audit_logs a),
        (select jsonb_agg(e) from event_sources e)`;
      return JSON.stringify((await sql.query(text)).rows);
    });
    expect(dump).not.toContain(secret);
  });

  it("keeps the secret in a file for its owner alone", async () => {
    const { source } = await local.json<Created>(["sources", "create", "--kind", "github", "--name", name()]);
    const folder = join(local.folder, "secrets");
    const path = join(folder, (source.secret_reference ?? "").slice("file:".length));
    expect(readFileSync(path, "utf8")).toBe(source.secret);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it("takes a secret its sender made from stdin and does not show it", async () => {
    const argv = ["sources", "create", "--kind", "slack", "--name", name(), "--secret-stdin"];
    const { code, out, err } = await local.run(argv, { stdin: "8f742231b10e8888abcd99yyyzzz85a5\n" });
    expect(code).toBe(0);
    expect(out + err).not.toContain("8f742231b10e");
    const found = await findAsFunction(out.trim().split("/").at(-1) ?? "");
    expect(found.values).toEqual(["8f742231b10e8888abcd99yyyzzz85a5"]);
  });

  it("makes a Linear source without a secret first and says what is missing", async () => {
    const wanted = name();
    const { code, out, err } = await local.run(["sources", "create", "--kind", "linear", "--name", wanted]);
    expect(code).toBe(0);
    expect(err).toMatch(/every request is refused: netra sources rotate/);
    expect((await local.run(["sources", "list"])).out).toContain("none yet: every request is refused");

    const rotated = await local.run(["sources", "rotate", wanted, "--secret-stdin"], {
      stdin: "lin_wh_secret",
    });
    expect(rotated.code).toBe(0);
    expect((await findAsFunction(out.trim().split("/").at(-1) ?? "")).values).toEqual(["lin_wh_secret"]);
  });

  it("makes secrets in the form Standard Webhooks and the config of a signed source want", async () => {
    const standard = await local.json<Created>(["sources", "create", "--kind", "standard", "--name", name()]);
    expect(standard.source.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const config = { header: "X-Signature", secret: { encoding: "hex", strip_prefix: "key_" } };
    const argv = [
      "sources",
      "create",
      "--kind",
      "signed",
      "--name",
      name(),
      "--config",
      JSON.stringify(config),
    ];
    expect((await local.json<Created>(argv)).source.secret).toMatch(/^key_[0-9a-f]{64}$/);
  });

  it.each([
    [{ header: "X-Sig" }],
    [
      {
        header: "Stripe-Signature",
        item_separator: ",",
        field_separator: "=",
        field: "v1",
        template: "{timestamp}.{body}",
        timestamp: { field: "t" },
        id: { body: "/id" },
        type: { body: "/type" },
      },
    ],
    [
      {
        algorithm: "sha512",
        encoding: "base64",
        header: "x-sig",
        prefix: "v0=",
        template: "{id}.{timestamp}.{body}",
        timestamp: { header: "X-Time", unit: "ms", tolerance_seconds: 60 },
        id: { header: "X-Id" },
        secret: { encoding: "base64" },
      },
    ],
  ])("stores a signed config as the webhooks function reads it: %j", async (config) => {
    const argv = [
      "sources",
      "create",
      "--kind",
      "signed",
      "--name",
      name(),
      "--config",
      JSON.stringify(config),
    ];
    const { source } = await local.json<Created>(argv);
    const stored = (await findAsFunction(source.endpoint_id)).config;
    expect(SOURCE_CONFIGS.signed.parse(stored)).toEqual(stored);
    expect(stored["header"]).toBe(config.header.toLowerCase());
  });

  it("stores whom the tokens of a push are for and of whom", async () => {
    const argv = ["sources", "create", "--kind", "cloud-build", "--name", name()];
    const { source } = await local.json<Created>([
      ...argv,
      "--audience",
      "https://hooks.example.com",
      "--email",
      "push@p.iam.gserviceaccount.com, b@example.com",
    ]);
    const { config } = await findAsFunction(source.endpoint_id);
    expect(SOURCE_CONFIGS["cloud-build"].parse(config)).toEqual({
      audience: "https://hooks.example.com",
      emails: ["push@p.iam.gserviceaccount.com", "b@example.com"],
    });
    expect(source.secret_reference).toBeNull();
  });

  it.each([
    ["acme/app#7", { repository: "acme/app", id: 7 }],
    ["acme#8", { organization: "acme", id: 8 }],
  ])("stores the hook %s to reconcile, and its token by reference", async (hook, expected) => {
    const argv = ["sources", "create", "--kind", "github", "--name", name()];
    const { source } = await local.json<Created>([...argv, "--hook", hook, "--token-ref", "env:GH_TOKEN"]);
    expect((await findAsFunction(source.endpoint_id)).config).toEqual({
      hook: expected,
      token_ref: "env:GH_TOKEN",
    });
  });

  it("needs a reference where the server is not the local one, and says how to make one", async () => {
    const argv = [
      "sources",
      "create",
      "--kind",
      "github",
      "--name",
      name(),
      "--organization",
      tenant.organizationId,
    ];
    const refused = await remote.run(argv);
    expect(refused.code).toBe(2);
    expect(refused.err).toMatch(/--secret-ref file:NAME.*Secret Manager.*env:NAME/);
    expect((await remote.run([...argv, "--secret-stdin"], { stdin: "x" })).code).toBe(2);

    const { source } = await remote.json<Created>([...argv, "--secret-ref", "file:github/latest"]);
    expect(source).toMatchObject({ secret: null, secret_reference: "file:github/latest" });
    expect(source.address).toBe(`https://hooks.example.com/github/${source.endpoint_id}`);
  });

  it.each<[string[], RegExp]>([
    [[], /say which with --kind; there are github, slack/],
    [["--kind", "gitlab"], /"gitlab" is no kind/],
    [["--kind", "github"], /--name must be given/],
    [["--kind", "github", "--name", "a", "b"], /too many arguments: b/],
    [["--kind", "github", "--name", "a", "--secret-ref", "hunter2"], /must be env:NAME or file:NAME/],
    [["--kind", "github", "--name", "a", "--secret-ref", "file:a/../b"], /must be env:NAME or file:NAME/],
    [
      ["--kind", "github", "--name", "a", "--secret-ref", "env:A", "--secret-stdin"],
      /--secret-ref or --secret-stdin/,
    ],
    [["--kind", "github", "--name", "a", "--secret-stdin"], /no secret on stdin/],
    [["--kind", "github", "--name", "a", "--hook", "acme/app#7"], /go together/],
    [["--kind", "github", "--name", "a", "--hook", "acme/app", "--token-ref", "env:A"], /--hook must be/],
    [
      ["--kind", "github", "--name", "a", "--hook", "../..#7", "--token-ref", "env:A"],
      /config of a github source/,
    ],
    [["--kind", "github", "--name", "a", "--config", "{"], /--config is not JSON/],
    [["--kind", "github", "--name", "a", "--config", "[]"], /must be a JSON object/],
    [["--kind", "github", "--name", "a", "--config", '{"secret": "x"}'], /Unrecognized key/],
    [["--kind", "slack", "--name", "a"], /slack makes the secret itself: give it with --secret-stdin/],
    [["--kind", "slack", "--name", "a", "--audience", "x"], /are for cloud-build/],
    [["--kind", "cloud-build", "--name", "a"], /needs --audience URL and --email/],
    [["--kind", "cloud-build", "--name", "a", "--audience", "x", "--email", "y"], /e-mail/],
    [
      ["--kind", "cloud-build", "--name", "a", "--audience", "x", "--email", "y@z", "--secret-stdin"],
      /no secret/,
    ],
    [["--kind", "signed", "--name", "a"], /header/],
    [
      ["--kind", "signed", "--name", "a", "--config", '{"header": "x", "algorithm": "md5"}'],
      /algorithm: .*sha256/,
    ],
    [
      ["--kind", "signed", "--name", "a", "--config", '{"header": "x", "template": "v0"}'],
      /template: must have \{body\} once/,
    ],
    [
      ["--kind", "signed", "--name", "a", "--config", '{"header": "x", "template": "{time}.{body}"}'],
      /no other braces/,
    ],
    [
      ["--kind", "signed", "--name", "a", "--config", '{"header": "x", "template": "{timestamp}.{body}"}'],
      /timestamp: goes with/,
    ],
    [
      ["--kind", "signed", "--name", "a", "--config", '{"header": "x", "timestamp": {"header": "t"}}'],
      /timestamp: goes with/,
    ],
    [
      [
        "--kind",
        "signed",
        "--name",
        "a",
        "--config",
        '{"header": "x", "id": {"body": "/id"}, "template": "{id}.{body}"}',
      ],
      /id: must be read from a header/,
    ],
    [
      ["--kind", "signed", "--name", "a", "--config", '{"header": "x", "tolerence": 3}'],
      /Unrecognized key: "tolerence"/,
    ],
  ])("ends with 2 and says what is wrong with %j", async (argv, message) => {
    const { code, out, err } = await local.run(["sources", "create", ...argv]);
    expect(err).toMatch(message);
    expect(err).not.toContain("hunter2");
    expect({ code, out }).toEqual({ code: 2, out: "" });
  });

  it("refuses a secret that the source's config could not decode, and a name that is taken", async () => {
    const config = '{"header": "x", "secret": {"encoding": "hex"}}';
    const signed = ["sources", "create", "--kind", "signed", "--name", name(), "--config", config];
    const refused = await local.run([...signed, "--secret-stdin"], { stdin: "not hex" });
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("not hex, which") as string });
    expect(refused.err).not.toContain("not hex\n");

    const taken = ["sources", "create", "--kind", "github", "--name", name()];
    await local.json(taken);
    expect(await local.run(taken)).toMatchObject({
      code: 2,
      err: expect.stringContaining("already") as string,
    });
  });
});

describe("netra sources rotate", () => {
  it("gives a new secret and lets the old one hold for a day, and says when that was last used", async () => {
    const wanted = name();
    const { source } = await local.json<Created>(["sources", "create", "--kind", "github", "--name", wanted]);
    await asOwner(databases.adminDatabaseUrl, (sql) =>
      sql.query(
        "update event_source_secrets set last_matched_at = now() - interval '3 hours' where source_id = $1",
        [source.id],
      ),
    );
    const before = Date.now();
    const { code, out, err } = await local.run(["sources", "rotate", wanted]);

    expect(code).toBe(0);
    expect(err).toMatch(/before: file:\S+ ends in 2[34] h, last matched 3 h ago/);
    const found = await findAsFunction(source.endpoint_id);
    expect(found.values).toEqual([out.trim(), source.secret]);
    expect(found.secrets[0]?.not_after).toBeNull();
    const end = found.secrets[1]?.not_after ?? 0;
    expect(end).toBeGreaterThanOrEqual(before + 24 * 3_600_000);
    expect(end).toBeLessThanOrEqual(Date.now() + 24 * 3_600_000);
  });

  it("never lets an old secret hold longer than it would have", async () => {
    const wanted = name();
    const { source } = await local.json<Created>(["sources", "create", "--kind", "github", "--name", wanted]);
    await local.json(["sources", "rotate", wanted, "--overlap-hours", "1"]);
    const ends = (await findAsFunction(source.endpoint_id)).secrets.at(-1)?.not_after;
    const { rotated } = await local.json<{ rotated: { previous: { not_after: string }[] } }>([
      "sources",
      "rotate",
      wanted,
      "--overlap-hours",
      "48",
    ]);
    const found = await findAsFunction(source.endpoint_id);
    expect(found.secrets.at(-1)?.not_after).toBe(ends);
    expect(rotated.previous).toHaveLength(2);
    expect(Date.parse(rotated.previous[1]?.not_after ?? "")).toBeCloseTo(ends ?? 0, -1);
  });

  it("with no overlap ends the old secret at once", async () => {
    const wanted = name();
    const { source } = await local.json<Created>(["sources", "create", "--kind", "github", "--name", wanted]);
    await local.json(["sources", "rotate", wanted, "--overlap-hours", "0"]);
    const [fresh, old] = (await findAsFunction(source.endpoint_id)).secrets;
    expect(fresh?.not_after).toBeNull();
    expect(old?.not_after).toBeLessThanOrEqual(Date.now());
  });

  it("does not pile secrets up without end", async () => {
    const wanted = name();
    await local.json(["sources", "create", "--kind", "github", "--name", wanted]);
    for (let times = 0; times < 9; times += 1) await local.json(["sources", "rotate", wanted]);
    const refused = await local.run(["sources", "rotate", wanted]);
    expect(refused).toMatchObject({
      code: 2,
      err: expect.stringContaining("--overlap-hours 0") as string,
    });
    expect((await local.run(["sources", "rotate", wanted, "--overlap-hours", "0"])).code).toBe(0);
  });

  it("asks for the secret where its sender makes it, and has none to rotate where there is none", async () => {
    const slack = name();
    await local.run(["sources", "create", "--kind", "slack", "--name", slack, "--secret-stdin"], {
      stdin: "a",
    });
    const push = name();
    await local.json([
      "sources",
      "create",
      "--kind",
      "cloud-deploy",
      "--name",
      push,
      "--audience",
      "x",
      "--email",
      "y@z",
    ]);
    expect(await local.run(["sources", "rotate", slack])).toMatchObject({
      code: 2,
      err: expect.stringContaining("--secret-stdin") as string,
    });
    expect(await local.run(["sources", "rotate", push])).toMatchObject({
      code: 2,
      err: expect.stringContaining("no secret to rotate") as string,
    });
  });
});

describe("a source made on the command line", () => {
  it("takes what is signed with its secret, with the old one too after a rotation, and with neither when disabled", async () => {
    const webhooks = await startWebhooks({
      databases,
      tenant,
      env: { NETRA_SECRETS_DIR: join(local.folder, "secrets") },
    });
    try {
      const wanted = name();
      const argv = [
        "sources",
        "create",
        "--kind",
        "github",
        "--name",
        wanted,
        "--webhooks-url",
        webhooks.url,
      ];
      const { source } = await local.json<Created>(argv);
      const post = async (secret: string | null): Promise<number> => {
        const body = JSON.stringify({ zen: randomUUID() });
        const headers = { "content-type": "application/json", ...signGithub(secret ?? "", body) };
        return (await fetch(source.address, { method: "POST", headers, body })).status;
      };

      expect(await post("of someone else")).toBe(401);
      expect(await post(source.secret)).toBeLessThan(300);
      const { rotated } = await local.json<{ rotated: { secret: string } }>(["sources", "rotate", wanted]);
      // The function keeps what it knows of a source for a short while.
      await vi.waitFor(async () => expect(await post(rotated.secret)).toBeLessThan(300), {
        timeout: 120_000,
        interval: 500,
      });
      expect(await post(source.secret)).toBeLessThan(300);
      const { out } = await local.run(["sources", "rejected", wanted]);
      expect(out).toContain("bad_signature");
      await local.json(["sources", "disable", wanted]);
      await vi.waitFor(async () => expect(await post(rotated.secret)).toBeGreaterThanOrEqual(400), {
        timeout: 120_000,
        interval: 500,
      });
    } finally {
      await webhooks.close();
    }
  }, 300_000);
});

describe("netra sources", () => {
  it("disables and enables a source, and writes everything it did down", async () => {
    const wanted = name();
    const { source } = await local.json<Created>(["sources", "create", "--kind", "github", "--name", wanted]);
    expect((await local.run(["sources", "disable", wanted])).out).toBe(`${wanted} is disabled\n`);
    expect((await findAsFunction(source.endpoint_id)).status).toBe("disabled");
    await local.run(["sources", "disable", wanted]);
    expect(await local.json(["sources", "enable", source.endpoint_id])).toEqual({
      source: { id: source.id, name: wanted, status: "active" },
    });
    await local.json(["sources", "rotate", wanted]);

    expect((await listAudits(source.id)).map(({ action }) => action)).toEqual([
      "event_source.created",
      "event_source.disabled",
      "event_source.enabled",
      "event_source.rotated",
    ]);
  });

  it("shows what was rejected: of one source, of all, or at unknown addresses", async () => {
    const wanted = name();
    const { source } = await local.json<Created>(["sources", "create", "--kind", "github", "--name", wanted]);
    const insert = `insert into rejected_requests (source_id, organization_id, kind, endpoint_id, reason, detail,
      headers, body_bytes, body_sha256) values ($1, $2, 'github', $3, $4, 'detail', '{"x": "y"}', 12, $5)`;
    await asOwner(databases.adminDatabaseUrl, async (sql) => {
      const hash = Buffer.alloc(32, 0xab);
      await sql.query(insert, [source.id, tenant.organizationId, source.endpoint_id, "bad_signature", hash]);
      await sql.query(insert, [randomUUID(), other.organizationId, "b", "of_another", null]);
      await sql.query(insert, ["00000000-0000-0000-0000-000000000000", null, "c", "unknown_source", null]);
    });

    const { rejected } = await local.json<{ rejected: object[] }>(["sources", "rejected", wanted]);
    expect(rejected).toEqual([
      expect.objectContaining({
        source: wanted,
        reason: "bad_signature",
        body_bytes: 12,
        body_sha256: "ab".repeat(32),
      }),
    ]);
    const all = await local.run(["sources", "rejected"]);
    expect(all.out).toContain("bad_signature");
    expect(all.out).not.toMatch(/of_another|unknown_source/);
    const unknown = await local.run(["sources", "rejected", "--unknown"]);
    expect(unknown.out).toContain("unknown_source");
    expect(unknown.out).not.toContain("bad_signature");
  });

  it("neither shows nor touches what another organization has", async () => {
    const wanted = name();
    const own = ["--organization", other.organizationId];
    const { source } = await local.json<Created>([
      "sources",
      "create",
      "--kind",
      "github",
      "--name",
      wanted,
      ...own,
    ]);

    const { sources } = await local.json<{ sources: { id: string }[] }>(["sources", "list"]);
    expect(sources.map(({ id }) => id)).not.toContain(source.id);
    for (const action of ["rotate", "disable", "enable", "rejected"]) {
      for (const handle of [wanted, source.id, source.endpoint_id]) {
        expect(await local.run(["sources", action, handle])).toMatchObject({
          code: 1,
          out: "",
          err: `netra: there is no source "${handle}"\n`,
        });
      }
    }
    const found = await findAsFunction(source.endpoint_id);
    expect(found).toMatchObject({ status: "active", values: [source.secret] });
  });

  it.each<[string[], RegExp]>([
    [[], /say create, list, rotate/],
    [["remove"], /say create, list, rotate/],
    [["list", "x"], /too many arguments: x/],
    [["rotate"], /rotate needs the name/],
    [["disable"], /disable needs the name/],
    [["rotate", "a", "--overlap-hours", "soon"], /--overlap-hours must be/],
    [["rejected", "--limit", "0"], /--limit must be/],
    [["rejected", "a", "--unknown"], /leave the name out/],
  ])("ends with 2 and says what is wrong with %j", async (argv, message) => {
    const { code, err } = await local.run(["sources", ...argv]);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });
});
