import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { type EventToInsert, insertEvents } from "../helpers/events.ts";
import { asOwner, createTenant, type Tenant } from "../helpers/tenant.ts";
import { type CommandLine, createCommandLine } from "./command-line.ts";

const HOUR = 3_600_000;
const SECRET = "hunter2hunter2";

interface Row {
  id: string;
  status: string;
  attempts: number;
  replays: number;
  due: boolean;
  error_class: string | null;
}

let databases: TestDatabases;
let tenant: Tenant;
let other: Tenant;
let cli: CommandLine;

beforeAll(async () => {
  databases = await createDatabases();
});
afterAll(async () => {
  await databases.close();
});
beforeEach(async () => {
  const { adminDatabaseUrl } = databases;
  tenant = await createTenant(adminDatabaseUrl);
  other = await createTenant(adminDatabaseUrl);
  cli = createCommandLine({ local: { adminDatabaseUrl, organizationId: tenant.organizationId } });
  return () => cli.remove();
});

type Wanted = Partial<EventToInsert> & { status?: string; errorClass?: string; ageHours?: number };

/** Puts an event into the tables in the given state and returns its id. */
async function addEvent(
  { status = "processed", errorClass, ageHours = 1, ...event }: Wanted = {},
  owner: Tenant = tenant,
): Promise<string> {
  const receivedAt = Date.now() - ageHours * HOUR;
  const wanted = {
    source: "github" as const,
    eventType: "github.push",
    body: { ref: "refs/heads/main" },
    receivedAt,
    ...event,
  };
  const [inserted] = await insertEvents(databases.adminDatabaseUrl, owner.organizationId, [wanted]);
  const id = inserted?.id ?? "";
  await asOwner(databases.adminDatabaseUrl, (sql) =>
    sql.query(
      `update events set status = $2::text, attempts = 3, error_class = $3::text, error_message = $3::text,
         next_attempt_at = case when $2::text in ('pending', 'processing', 'failed') then now() + interval '1 hour' end
       where id = $1`,
      [id, status, errorClass ?? null],
    ),
  );
  return id;
}

async function readRows(owner: Tenant = tenant): Promise<Row[]> {
  const text = `select id, status, attempts, replays, coalesce(next_attempt_at <= now(), false) as due, error_class
    from events where organization_id = $1 order by received_at, id`;
  return await asOwner(
    databases.adminDatabaseUrl,
    async (sql) => (await sql.query<Row>(text, [owner.organizationId])).rows,
  );
}

async function readRow(id: string): Promise<Row | undefined> {
  return (await readRows()).find((row) => row.id === id);
}

const idsOf = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id);

const REPLAYED = { status: "pending", attempts: 0, replays: 1, due: true, error_class: null };

describe("netra events list", () => {
  it("shows events newest first, with what became of them", async () => {
    const first = await addEvent({ ageHours: 2, action: "opened", eventType: "github.pull_request" });
    const second = await addEvent({ ageHours: 1, status: "dead_letter", errorClass: "bad_payload" });

    const { events } = await cli.json<{ events: { id: string }[] }>(["events", "list"]);
    expect(idsOf(events)).toEqual([second, first]);
    expect(events[0]).toMatchObject({
      event_type: "github.push",
      status: "dead_letter",
      error_class: "bad_payload",
      attempts: 3,
      source_name: "test github",
    });
    const { out } = await cli.run(["events", "list"]);
    expect(out).toContain("github.pull_request (opened)");
    expect(out).toContain("bad_payload");
    expect(out).toContain(first);
  });

  it.each<[string[], number[]]>([
    [["--type", "github.push"], [0]],
    [
      ["--type", "github.pull_request"],
      [1, 2],
    ],
    [["--type", "github.pull_request.opened"], [1]],
    [
      ["--type", "github.*"],
      [0, 1, 2],
    ],
    [["--type", "github.pull_*.closed"], [2]],
    [["--source", "linear"], [3]],
    [
      ["--source", "test github"],
      [0, 1, 2],
    ],
    [
      ["--status", "failed,dead_letter"],
      [1, 2],
    ],
    [
      ["--since", "150m"],
      [0, 1],
    ],
    [
      ["--until", "150m"],
      [2, 3],
    ],
    [
      ["--since", "210m", "--until", "90m", "--type", "github.*"],
      [1, 2],
    ],
    [["--limit", "1"], [0]],
  ])("keeps to %j", async (argv, expected) => {
    const ids = [
      await addEvent({ ageHours: 1 }),
      await addEvent({
        ageHours: 2,
        eventType: "github.pull_request",
        action: "opened",
        status: "dead_letter",
      }),
      await addEvent({ ageHours: 3, eventType: "github.pull_request", action: "closed", status: "failed" }),
      await addEvent({ ageHours: 4, source: "linear", eventType: "linear.Issue", status: "ignored" }),
    ];
    const { events } = await cli.json<{ events: { id: string }[] }>(["events", "list", ...argv]);
    expect(idsOf(events)).toEqual(expected.map((at) => ids[at]));
  });

  it("shows nothing of another organization", async () => {
    await addEvent({}, other);
    expect((await cli.run(["events", "list"])).out).toBe("there are no such events\n");
    expect((await cli.run(["events", "types"])).out).toBe("there are no such events\n");
  });
});

describe("netra events types", () => {
  it("counts by type and says which the catalogue has", async () => {
    await addEvent();
    await addEvent({ status: "failed" });
    await addEvent({ eventType: "github.brand_new", status: "ignored" });
    await addEvent({ ageHours: 24 * 40 });

    const { types } = await cli.json<{ types: object[] }>(["events", "types"]);
    expect(types).toEqual([
      expect.objectContaining({ event_type: "github.push", events: 2, in_trouble: 1, is_known: true }),
      expect.objectContaining({
        event_type: "github.brand_new",
        events: 1,
        ignored: 1,
        is_known: false,
      }),
    ]);
    const all = await cli.json<{ types: object[] }>(["events", "types", "--since", "60d"]);
    expect(all.types[0]).toMatchObject({ events: 3 });
    expect((await cli.run(["events", "types"])).out).toMatch(/github\.brand_new .*not known/);
  });
});

describe("netra events show", () => {
  it("shows all that is known of one event, and its body only when asked", async () => {
    const deliveryKey = `7:${randomUUID()}`;
    const id = await addEvent({
      deliveryKey,
      body: { ref: "refs/heads/main", note: "in the body" },
      headers: { "x-github-event": "push", "x-hub-signature-256": `sha256=${SECRET}` },
    });
    const { organizationId } = tenant;
    await asOwner(databases.adminDatabaseUrl, async (sql) => {
      const { rows } = await sql.query<{ at: Date }>("select received_at as at from events where id = $1", [
        id,
      ]);
      const at = rows[0]?.at;
      for (const table of ["github_events", "event_processing_logs", "event_deliveries"])
        await sql.query("select ensure_event_partition($1, $2)", [table, at]);
      await sql.query(
        `insert into github_events (organization_id, event_id, received_at, event, branch) values ($1, $2, $3, 'push', 'main')`,
        [organizationId, id, at],
      );
      await sql.query(
        `insert into event_processing_logs (organization_id, event_id, event_received_at, replay, attempt, started_at,
           duration_ms, outcome, error_class) values ($1, $2, $3, 0, 1, $3, 12, 'failed', 'database')`,
        [organizationId, id, at],
      );
      const subscription = await sql.query<{ id: string }>(
        `insert into event_subscriptions (organization_id, name, event_types, target_kind, target, secrets)
         values ($1, 'to the board', '{github.*}', 'https', $2, $3) returning id`,
        [
          organizationId,
          `https://user:${SECRET}@example.com`,
          JSON.stringify([{ reference: `file:${SECRET}`, not_after: null }]),
        ],
      );
      await sql.query(
        `insert into event_deliveries (organization_id, id, event_id, event_received_at, subscription_id, generation,
           status, last_status) values ($1, $2, $3, $4, $5, 0, 'delivered', 204)`,
        [organizationId, randomUUID(), id, at, subscription.rows[0]?.id],
      );
      await sql.query(
        `insert into repositories (organization_id, provider, external_id, full_name, owner, name, version_time,
           version_rank, version_key) values ($1, 'github', '42', 'acme/app', 'acme', 'app', now(), 0, $2)`,
        [organizationId, deliveryKey],
      );
    });

    const { event } = await cli.json<{ event: Record<string, unknown> }>(["events", "show", id]);
    expect(event).toMatchObject({
      id,
      delivery_key: deliveryKey,
      headers: { "x-github-event": "push", "x-hub-signature-256": "(hidden)" },
      typed: [{ table: "github_events", row: { event: "push", branch: "main" } }],
      tries: [{ attempt: 1, outcome: "failed", error_class: "database" }],
      deliveries: [{ subscription: "to the board", status: "delivered", last_status: 204 }],
      wrote: [{ table: "repositories", row: { full_name: "acme/app" } }],
    });
    expect(event).not.toHaveProperty("body");
    const text = await cli.run(["events", "show", id]);
    for (const part of ["github_events", "to the board", "last wrote repositories", "database"])
      expect(text.out).toContain(part);
    expect(text.out).not.toContain("in the body");
    const whole = await cli.run(["events", "show", id, "--body"]);
    expect(whole.out).toContain('{"ref":"refs/heads/main","note":"in the body"}');
    expect(JSON.stringify(event) + text.out + whole.out).not.toContain(SECRET);
  });

  it("shows bytes that are no text as base64, and nothing that steers the terminal", async () => {
    const bytes = await addEvent({ body: Buffer.from([0xff, 0x00, 0xfe]) });
    const { event } = await cli.json<{ event: object }>(["events", "show", bytes, "--body"]);
    expect(event).toMatchObject({ is_text: false, body_base64: "/wD+" });

    const escape = await addEvent({ body: "red \u001B[31m", headers: { "x-a": "\u001B]0;title" } });
    const { out } = await cli.run(["events", "show", escape, "--body"]);
    expect(out).toContain("red");
    expect(out).not.toContain("\u001B");
  });

  it("ends with 1 when there is no such event, also when another organization has it", async () => {
    for (const id of [randomUUID(), await addEvent({}, other)]) {
      expect(await cli.run(["events", "show", id])).toEqual({
        code: 1,
        out: "",
        err: `netra: there is no event ${id}\n`,
      });
    }
  });
});

describe("netra events replay", () => {
  it.each(["processed", "failed", "dead_letter", "ignored"])(
    "makes one that is %s pending by its id, due at once for the sweeper",
    async (status) => {
      const id = await addEvent({ status, errorClass: "suspected_replay" });
      const bystander = await addEvent({ status });

      const { code, out } = await cli.run(["events", "replay", id]);
      expect(code).toBe(0);
      expect(out).toBe("1 event is pending again; the sweeper picks them up within a minute.\n");
      expect(await readRow(id)).toEqual({ id, ...REPLAYED });
      expect(await readRow(bystander)).toMatchObject({ status, replays: 0 });
      const swept = await asOwner(
        databases.adminDatabaseUrl,
        async (sql) => (await sql.query<{ id: string }>("select id from process_pending_events(1000)")).rows,
      );
      expect(idsOf(swept)).toContain(id);
      const audits = await asOwner(
        databases.adminDatabaseUrl,
        async (sql) =>
          (
            await sql.query<{ metadata: unknown }>(
              "select metadata from audit_logs where organization_id = $1 and action = 'event.replayed'",
              [tenant.organizationId],
            )
          ).rows,
      );
      expect(audits).toEqual([{ metadata: { events: 1, ids: [id] } }]);
    },
  );

  it("leaves alone what waits or is being processed, and what is another organization's", async () => {
    const ids = [
      await addEvent({ status: "pending" }),
      await addEvent({ status: "processing" }),
      await addEvent({ status: "failed" }, other),
    ];
    const before = [...(await readRows()), ...(await readRows(other))];

    const refused = await cli.run(["events", "replay", ...ids, "--yes"]);
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect([...(await readRows()), ...(await readRows(other))]).toEqual(before);
    const failed = await addEvent({ status: "failed" });
    const { code, err } = await cli.run(["events", "replay", ...ids, failed]);
    expect(code).toBe(0);
    expect(err).toContain("3 of the ids were left");
    expect(await readRow(failed)).toMatchObject(REPLAYED);
  });

  it("with --dry-run says how many of which type and status, and changes nothing", async () => {
    await addEvent({ status: "failed" });
    await addEvent({ status: "dead_letter" });
    await addEvent({ status: "dead_letter" });
    await addEvent({ status: "ignored" });
    const before = await readRows();

    const argv = ["events", "replay", "--since", "2h", "--dry-run"];
    expect(await cli.json(argv)).toEqual({
      would_replay: 3,
      counts: [
        { event_type: "github.push", status: "dead_letter", events: 2 },
        { event_type: "github.push", status: "failed", events: 1 },
      ],
    });
    const { code, out, err } = await cli.run(argv);
    expect(code).toBe(0);
    expect(out).toMatch(/github\.push +dead_letter +2\n/);
    expect(err).toContain("3 events would be replayed; nothing was changed");
    expect(await readRows()).toEqual(before);
  });

  it("asks before it takes more than one, and without a terminal wants --yes", async () => {
    await addEvent({ status: "failed" });
    await addEvent({ status: "failed" });
    const before = await readRows();

    const refused = await cli.run(["events", "replay", "--since", "2h"]);
    expect(refused.code).toBe(2);
    expect(refused.err).toMatch(/2 events would be replayed: add --yes/);
    expect(await readRows()).toEqual(before);
    expect(await cli.json(["events", "replay", "--since", "2h", "--yes"])).toMatchObject({ replayed: 2 });
    expect((await readRows()).map(({ status, replays }) => ({ status, replays }))).toEqual([
      { status: "pending", replays: 1 },
      { status: "pending", replays: 1 },
    ]);
  });

  it.each([
    ["y\n", 0, 1],
    ["n\n", 1, 0],
    ["\n", 1, 0],
    ["", 1, 0],
  ])("asks on a terminal, and answered %j ends with %i", async (answer, code, replays) => {
    await addEvent({ status: "failed" });
    await addEvent({ status: "failed" });

    const argv = ["events", "replay", "--since", "2h"];
    const ran = await cli.run(argv, { stdin: answer, terminal: true });
    expect(ran.code).toBe(code);
    expect((await readRows()).map((row) => row.replays)).toEqual([replays, replays]);
  });

  it.each<[string[], number[]]>([
    [["--since", "90m"], [0]],
    [
      ["--since", "150m"],
      [0, 1],
    ],
    [
      ["--since", "5h", "--until", "90m"],
      [1, 2],
    ],
    [["--since", "5h", "--type", "github.pull_request.opened"], [1]],
    [["--since", "5h", "--source", "linear", "--status", "ignored"], [3]],
    [["--since", "5h", "--source", "linear"], []],
    [["--since", "5h", "--status", "processed"], [4]],
    [
      ["--since", "5h", "--status", "failed,dead_letter,ignored"],
      [0, 1, 2, 3],
    ],
  ])("takes what %j says and nothing else", async (argv, expected) => {
    const ids = [
      await addEvent({ ageHours: 1, status: "failed" }),
      await addEvent({
        ageHours: 2,
        status: "dead_letter",
        eventType: "github.pull_request",
        action: "opened",
      }),
      await addEvent({ ageHours: 3, status: "failed", eventType: "github.pull_request", action: "closed" }),
      await addEvent({ ageHours: 4, status: "ignored", source: "linear", eventType: "linear.Issue" }),
      await addEvent({ ageHours: 4 }),
    ];
    const elsewhere = await addEvent({ status: "failed" }, other);

    const answer = await cli.json<{ replayed: number }>(["events", "replay", ...argv, "--yes"]);
    expect(answer.replayed).toBe(expected.length);
    const changed = (await readRows()).filter(({ replays }) => replays > 0);
    expect(new Set(idsOf(changed))).toEqual(new Set(expected.map((at) => ids[at])));
    expect(await readRows(other)).toEqual([expect.objectContaining({ id: elsewhere, replays: 0 })]);
  });

  it("takes each of more events than go into one batch, once", async () => {
    const events = Array.from({ length: 1_203 }, (_, at): EventToInsert => ({
      source: "github",
      eventType: "github.push",
      body: {},
      // Several share a time, so that the batches have to go on by id.
      receivedAt: Date.now() - HOUR + Math.floor(at / 50),
    }));
    await insertEvents(databases.adminDatabaseUrl, tenant.organizationId, events);
    await asOwner(databases.adminDatabaseUrl, (sql) =>
      sql.query(
        "update events set status = 'dead_letter', next_attempt_at = null where organization_id = $1",
        [tenant.organizationId],
      ),
    );

    const argv = ["events", "replay", "--since", "2h", "--yes"];
    expect(await cli.json(argv)).toMatchObject({ replayed: 1_203 });
    expect((await readRows()).filter(({ replays, due }) => replays === 1 && due)).toHaveLength(1_203);
    expect(await cli.json(argv)).toMatchObject({ replayed: 0 });
  });
});

describe("netra events", () => {
  it.each<[string[], RegExp]>([
    [[], /say list, show, types or replay/],
    [["delete"], /say list, show, types or replay/],
    [["list", "x"], /too many arguments: x/],
    [["list", "--status", "done"], /"done" is no status; there are pending/],
    [["list", "--since", "yesterday"], /--since must be a time such as .* or 3d, not "yesterday"/],
    [["list", "--since", "2026-13-45"], /--since must be a time/],
    [["list", "--since", "1h", "--until", "2h"], /--since must be before --until/],
    [["list", "--type", "a b"], /--type must be a type/],
    [["list", "--limit", "0"], /--limit must be/],
    [["list", "--source", "nobody"], /there is no source "nobody", and it is none of the kinds/],
    [["list", "--organization", "nobody"], /there is no organization "nobody"/],
    [["show"], /show needs the id of one event/],
    [["show", "1"], /"1" is no id/],
    [["replay"], /replay needs ids, or a range/],
    [["replay", "--until", "1h"], /replay needs ids, or a range/],
    [["replay", "x"], /"x" is no id/],
    [["replay", "--since", "1h", "--status", "pending"], /needs no replay/],
  ])("ends with 2 and says what is wrong with %j", async (argv, message) => {
    const { code, out, err } = await cli.run(["events", ...argv]);
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 2, out: "" });
  });

  it("ends with 1 when the database does not answer, and shows no address", async () => {
    const env = { NETRA_ADMIN_DATABASE_URL: `postgres://user:${SECRET}@127.0.0.1:1/netra` };
    const { code, err } = await cli.run(["events", "list"], { env });
    expect(code).toBe(1);
    expect(err).toMatch(/the database does not answer \(ECONNREFUSED\)/);
    expect(err).not.toContain(SECRET);
  });
});
