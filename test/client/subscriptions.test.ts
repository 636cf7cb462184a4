import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { Client } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CommandIo } from "../../client/command.ts";
import { subscriptionsCommand } from "../../client/commands/subscriptions.ts";
import { UsageError } from "../../client/exit-codes.ts";
import { insertDeliveries } from "../../shared/postgres/event-deliveries.ts";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { makeSource, storeEvent } from "../helpers/deliveries.ts";
import { createTenant, type Tenant } from "../helpers/tenant.ts";

/** What this file guards: `netra subscriptions`, against a real database. */
let databases: TestDatabases;
let tenant: Tenant;
let owner: Client;
let folder: string;
beforeAll(async () => {
  databases = await createDatabases();
  tenant = await createTenant(databases.adminDatabaseUrl);
  owner = new Client({ connectionString: databases.adminDatabaseUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner.end();
  await databases.close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "netra-subscriptions-"));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await owner.query("delete from event_deliveries");
  await owner.query("delete from event_subscriptions");
  await owner.query("delete from audit_logs");
});

interface Result {
  code: number;
  out: string;
  err: string;
}

async function run(env: Record<string, string>, argv: readonly string[]): Promise<Result> {
  const text = { out: "", err: "" };
  const io: CommandIo = {
    env,
    cwd: folder,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    outIsTerminal: false,
    errIsTerminal: false,
    out: (more) => (text.out += more),
    err: (more) => (text.err += more),
    style: (_stream, _format, plain) => plain,
  };
  return { code: await subscriptionsCommand.run([...argv], io), ...text };
}

/** As an operator of a deployment: the database's address and nothing local. */
const remote = (...argv: string[]): Promise<Result> =>
  run({ NETRA_ADMIN_DATABASE_URL: databases.adminDatabaseUrl }, [
    ...argv,
    "--organization",
    tenant.organizationId,
  ]);

/** As somebody beside a local server, whose data folder is here. */
function local(...argv: string[]): Promise<Result> {
  const connection = {
    url: "http://127.0.0.1:8080",
    apiKey: "key",
    organizationId: tenant.organizationId,
    adminDatabaseUrl: databases.adminDatabaseUrl,
  };
  writeFileSync(join(folder, "connection.json"), JSON.stringify(connection));
  return run({ NETRA_DATA_DIR: folder }, argv);
}

const CREATE = ["create", "--name", "ci", "--types", "github.*", "--to", "https://8.8.8.8/hooks"];
const WITH_REFERENCE = [...CREATE, "--secret-ref", "env:SIGNING"];

async function stored(): Promise<Record<string, unknown>[]> {
  return (await owner.query<Record<string, unknown>>("select * from event_subscriptions order by name")).rows;
}

async function audited(): Promise<string[]> {
  const text = "select action from audit_logs where action like 'event_subscription.%' order by created_at";
  return (await owner.query<{ action: string }>(text)).rows.map(({ action }) => action);
}

async function routeEvent(at = Date.now()): Promise<void> {
  const event = await storeEvent(owner, tenant.organizationId, { receivedAt: at });
  await insertDeliveries(owner, tenant.organizationId, [event]);
}

async function endOne(status: string): Promise<string> {
  const { rows } = await owner.query<{ id: string }>(
    `update event_deliveries set status = $1, next_attempt_at = null, last_error = 'http_status: the receiver answered 500'
     where status = 'pending' returning id`,
    [status],
  );
  return rows[0]?.id ?? "";
}

describe("create", () => {
  it("stores what was asked for, and says so in the audit log", async () => {
    const sourceId = await makeSource(owner, tenant.organizationId);
    const { rows } = await owner.query<{ name: string }>("select name from event_sources where id = $1", [
      sourceId,
    ]);
    const options = {
      name: "ci",
      types: "github.push, github.pull_request.*",
      to: "https://8.8.8.8/hooks?t=1",
      source: rows[0]?.name ?? "",
      condition: '{"not": {"path": "/forced", "eq": true}}',
      "secret-ref": "file:signing",
    };
    const argv = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    const made = await remote("create", ...argv, "--repository", "octo/*", "--repository", "Other/one");

    expect(made).toMatchObject({ code: 0, err: "" });
    expect(await stored()).toEqual([
      expect.objectContaining({
        id: made.out.trim(),
        name: "ci",
        event_types: ["github.push", "github.pull_request.*"],
        source_id: sourceId,
        repositories: ["octo/*", "Other/one"],
        project_id: null,
        conditions: { not: { path: "/forced", eq: true } },
        target_kind: "https",
        target: "https://8.8.8.8/hooks?t=1",
        secrets: [{ reference: "file:signing", not_after: null }],
        is_active: true,
      }),
    ]);
    expect(await audited()).toEqual(["event_subscription.created"]);
  });

  it("beside a local server makes a secret, shows it once and keeps it in a file for its owner alone", async () => {
    const made = await local(...CREATE.slice(0, -1), "http://127.0.0.1:9/hooks");

    expect(made.code).toBe(0);
    const [id, secret = ""] = made.out.trim().split("\n");
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const [row] = await stored();
    expect(row?.["id"]).toBe(id);
    const [{ reference }] = row!["secrets"] as [{ reference: string }];
    expect(reference).toMatch(/^file:subscription-/);
    const path = join(folder, "secrets", reference.slice("file:".length));
    expect(readFileSync(path, "utf8")).toBe(secret);
    expect(statSync(path).mode & 0o077).toBe(0);
    for (const command of [["list"], ["show", "ci"], ["list", "--json"], ["show", "ci", "--json"]]) {
      expect((await local(...command)).out).not.toContain(secret);
    }
    const { rows } = await owner.query("select metadata from audit_logs");
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it("for a topic needs no secret", async () => {
    const made = await remote(
      "create",
      "--name",
      "t",
      "--types",
      "*",
      "--to",
      "projects/my-project/topics/events",
    );

    expect(made.code).toBe(0);
    expect(await stored()).toMatchObject([{ target_kind: "pubsub", secrets: [] }]);
  });

  it("refuses a name that is taken, and leaves no secret behind", async () => {
    await local(...CREATE);
    const again = await local(...CREATE);

    expect(again).toMatchObject({ code: 1, err: expect.stringContaining("already") });
    expect(await stored()).toHaveLength(1);
    expect(await audited()).toHaveLength(1);
    expect(readdirSync(join(folder, "secrets"))).toHaveLength(1);
  });

  it.each([
    [[], /--name/],
    [["--name", "x"], /--types/],
    [["--name", "x", "--types", "a,,b"], /--types/],
    [["--name", "x", "--types", "git hub"], /--types/],
    [["--name", "x", "--types", "*"], /--to/],
    [["--name", "x", "--types", "*", "--to", "http://example.com/"], /only https/],
    [["--name", "x", "--types", "*", "--to", "https://169.254.169.254/"], /public internet/],
    [["--name", "x", "--types", "*", "--to", "https://0x7f.1/"], /public internet/],
    [["--name", "x", "--types", "*", "--to", "https://localhost/"], /public internet/],
    [["--name", "x", "--types", "*", "--to", "https://me:pw@8.8.8.8/"], /user or password/],
    [["--name", "x", "--types", "*", "--to", "projects/p/topic"], /projects\/PROJECT/],
    [CREATE.slice(1), /--secret-ref file:NAME/],
    [[...CREATE.slice(1), "--secret-ref", "whsec_abcdefgh"], /env:NAME or file:NAME/],
    [[...WITH_REFERENCE.slice(1), "--condition", "{"], /--condition must be JSON/],
    [[...WITH_REFERENCE.slice(1), "--condition", "7"], /--condition must be JSON/],
    [[...WITH_REFERENCE.slice(1), "--condition", '{"path": "/a", "equals": 1}'], /not understood/],
    [[...WITH_REFERENCE.slice(1), "--condition", '{"all": []}'], /not understood/],
    [[...WITH_REFERENCE.slice(1), "--source", "nowhere"], /no source "nowhere"/],
    [[...WITH_REFERENCE.slice(1), "--project", "nowhere"], /no project "nowhere"/],
    [[...WITH_REFERENCE.slice(1), "--repository", " "], /--repository/],
  ])("says what is wrong with %j", async (options, message) => {
    const failed = await remote("create", ...options).catch((error: unknown) => error);

    expect(failed).toBeInstanceOf(UsageError);
    expect(String(failed)).toMatch(message);
    expect(String(failed)).not.toContain("abcdefgh");
    expect(await stored()).toEqual([]);
  });
});

describe("what there is", () => {
  it("is listed and shown, without what stands behind a question mark", async () => {
    expect((await remote("list")).out).toBe("there are no subscriptions\n");
    await remote(...CREATE.slice(0, -1), "https://8.8.8.8/hooks?token=abc", "--secret-ref", "env:SIGNING");

    const { out } = await remote("list");
    expect(out).toContain("ci");
    expect(out).toContain("active");
    expect(out).not.toContain("token=abc");
    const shown = (await remote("show", "ci")).out;
    expect(shown).toContain("env:SIGNING");
    expect(shown).not.toContain("token=abc");
  });

  it.each([["show"], ["enable"], ["disable"], ["rotate"], ["deliveries"], ["replay"]])(
    "%s of an unknown one ends with 1, and with 2 without a name",
    async (action) => {
      expect(await remote(action, "nobody")).toMatchObject({
        code: 1,
        err: expect.stringContaining('"nobody"'),
      });
      await expect(remote(action)).rejects.toThrow(/needs the name/);
    },
  );

  it("is not that of another organization", async () => {
    await remote(...WITH_REFERENCE);
    const other = await createTenant(databases.adminDatabaseUrl);
    const elsewhere = (...argv: string[]): Promise<Result> =>
      run({ NETRA_ADMIN_DATABASE_URL: databases.adminDatabaseUrl }, [
        ...argv,
        "--organization",
        other.organizationId,
      ]);
    expect((await elsewhere("list")).out).toBe("there are no subscriptions\n");
    expect((await elsewhere("disable", "ci")).code).toBe(1);
    expect(await stored()).toMatchObject([{ is_active: true }]);
  });
});

describe("disable and enable", () => {
  it("cancel what waits, and let it be replayed, once it is on again", async () => {
    await remote(...WITH_REFERENCE);
    await routeEvent();
    const off = await remote("disable", "ci");
    expect(off.out).toContain("1 deliveries that waited are cancelled");
    expect(await stored()).toMatchObject([{ is_active: false, disabled_reason: "by hand" }]);
    await routeEvent();

    await expect(remote("replay", "ci")).rejects.toThrow(/enable comes first/);
    expect((await remote("replay", "ci", "--dry-run")).out).toBe("2 deliveries would be sent again\n");
    expect((await remote("enable", "ci")).out).toBe("ci is active\n");
    expect((await remote("replay", "ci")).out).toBe("2 deliveries will be sent again\n");

    const { rows } = await owner.query(
      "select status, next_attempt_at <= now() as due from event_deliveries",
    );
    expect(rows).toEqual([
      { status: "pending", due: true },
      { status: "pending", due: true },
    ]);
    expect(await audited()).toEqual([
      "event_subscription.created",
      "event_subscription.disabled",
      "event_subscription.enabled",
      "event_subscription.replayed",
    ]);
  });

  it("change nothing when it is so already", async () => {
    await remote(...WITH_REFERENCE);
    expect((await remote("enable", "ci")).code).toBe(0);
    expect(await audited()).toEqual(["event_subscription.created"]);
  });
});

describe("rotate", () => {
  it("puts the new secret first and lets the old one go on for the overlap", async () => {
    await remote(...WITH_REFERENCE);
    await remote("rotate", "ci", "--secret-ref", "env:SECOND", "--overlap-hours", "2");
    await remote("rotate", "ci", "--secret-ref", "env:THIRD");

    const [row] = await stored();
    const secrets = row!["secrets"] as { reference: string; not_after: string | null }[];
    expect(secrets.map(({ reference }) => reference)).toEqual(["env:THIRD", "env:SECOND", "env:SIGNING"]);
    const hours = secrets.map(({ not_after: end }) =>
      end === null ? null : Math.round((Date.parse(end) - Date.now()) / 3_600_000),
    );
    // The first one's end does not move.
    expect(hours).toEqual([null, 24, 2]);
    expect(await audited()).toEqual([
      "event_subscription.created",
      "event_subscription.rotated",
      "event_subscription.rotated",
    ]);
  });

  it("without an overlap ends the old ones now", async () => {
    await remote(...WITH_REFERENCE);
    await remote("rotate", "ci", "--secret-ref", "env:SECOND", "--overlap-hours", "0");

    expect(await stored()).toMatchObject([{ secrets: [{ reference: "env:SECOND", not_after: null }] }]);
  });

  it("beside a local server makes the new secret", async () => {
    const first = await local(...CREATE);
    const second = await local("rotate", "ci");

    expect(second.out).toMatch(/^whsec_/);
    expect(second.out.trim()).not.toBe(first.out.trim().split("\n")[1]);
  });

  it("is not for topics", async () => {
    await remote("create", "--name", "t", "--types", "*", "--to", "projects/my-project/topics/events");
    await expect(remote("rotate", "t", "--secret-ref", "env:X")).rejects.toThrow(/not signed/);
  });
});

describe("deliveries and their replay", () => {
  it("are listed, those that failed on their own too", async () => {
    await remote(...WITH_REFERENCE);
    await routeEvent();
    const dead = await endOne("dead_letter");
    await routeEvent();

    expect((await remote("deliveries", "ci")).out).toMatch(/pending/);
    const failed = (await remote("deliveries", "ci", "--failed")).out;
    expect(failed).toContain(dead);
    expect(failed).toContain("the receiver answered 500");
    expect(failed).not.toMatch(/pending/);
    const { deliveries } = JSON.parse((await remote("deliveries", "ci", "--json", "--limit", "1")).out) as {
      deliveries: unknown[];
    };
    expect(deliveries).toHaveLength(1);
  });

  it("replays one by its id, also one that was delivered", async () => {
    await remote(...WITH_REFERENCE);
    await routeEvent();
    const id = await endOne("delivered");

    expect((await remote("replay", "--delivery", id, "--dry-run")).out).toBe(
      "1 delivery would be sent again\n",
    );
    expect((await remote("replay", "--delivery", id)).out).toBe("1 delivery will be sent again\n");
    const { rows } = await owner.query("select status, attempts from event_deliveries");
    expect(rows).toEqual([{ status: "pending", attempts: 0 }]);
    await owner.query("update event_deliveries set status = 'delivering'");
    expect(await remote("replay", "--delivery", id)).toMatchObject({ code: 1 });
  });

  it("replays a range by when events were received", async () => {
    await remote(...WITH_REFERENCE);
    const day = Date.parse("2026-11-10T00:00:00Z");
    for (const hour of [1, 2, 3]) await routeEvent(day + hour * 3_600_000);
    await owner.query("update event_deliveries set status = 'dead_letter', next_attempt_at = null");
    const range = ["--since", "2026-11-10T02:00:00Z", "--until", "2026-11-10T03:00:00Z"];
    expect((await remote("replay", "ci", ...range, "--dry-run")).out).toMatch(/^1 delivery/);
    expect((await remote("replay", "ci", ...range)).out).toMatch(/^1 delivery/);
    expect((await remote("replay", "ci", "--json")).out).toBe('{"replayed":2,"matching":2}\n');
  });

  it.each([
    [["replay", "--delivery", "7"], /must be the id/],
    [["replay", "ci", "--delivery", "11111111-1111-1111-1111-111111111111"], /not both/],
    [["replay", "ci", "--since", "yesterday"], /--since must be a time/],
    [["replay", "ci", "--since", "2026-11-10", "--until", "2026-11-09"], /before/],
    [["deliveries", "ci", "--limit", "0"], /--limit/],
    [["rotate", "ci", "--overlap-hours", "-1"], /--overlap-hours|ambiguous/],
    [["nonsense"], /say create/],
    [[], /say create/],
    [["show", "a", "b"], /too many/],
  ])("says what is wrong with %j", async (argv, message) => {
    await expect(remote(...argv)).rejects.toThrow(message);
  });

  it("ends with 1 for a delivery that is not there", async () => {
    expect((await remote("replay", "--delivery", "11111111-1111-1111-1111-111111111111")).code).toBe(1);
  });
});
