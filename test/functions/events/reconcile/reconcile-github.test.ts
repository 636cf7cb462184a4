import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createReconciler } from "../../../../functions/events/reconcile/reconcile-github.ts";
import { createPool, type Pool } from "../../../../shared/postgres/pool.ts";
import { createSecretSource } from "../../../../shared/secret-source.ts";
import { createDatabases, type TestDatabases } from "../../../helpers/databases.ts";
import { asOwner, createTenant } from "../../../helpers/tenant.ts";
import { type Attempt, type GithubStandIn, startGithub } from "./github-stand-in.ts";

const NOW = Date.parse("2026-06-15T12:00:00Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const REPOSITORY = { hook: { repository: "acme/app", id: 7 }, token_ref: "env:GITHUB_TOKEN" };

let databases: TestDatabases;
let pool: Pool;
let organizationId: string;
let github: GithubStandIn;
let clock: number;
let logLines: string;

beforeAll(async () => {
  databases = await createDatabases();
  ({ organizationId } = await createTenant(databases.adminDatabaseUrl));
  pool = createPool({
    databaseUrl: databases.databaseUrl,
    connectionsMax: 2,
    applicationName: "test",
    log: () => {},
  });
});
afterAll(async () => {
  await pool.end();
  await databases.close();
});
beforeEach(async () => {
  github = await startGithub();
  clock = NOW;
  logLines = "";
});
afterEach(async () => {
  await github.close();
  await asOwner(databases.adminDatabaseUrl, (sql) => sql.query("delete from event_sources"));
});

const now = (): number => clock;
const log = (...entry: unknown[]): void => void (logLines += `${JSON.stringify(entry)}\n`);

function start(env: Record<string, string | undefined> = { GITHUB_TOKEN: "github_pat_right" }) {
  const secrets = createSecretSource({ env, directory: undefined, log, now });
  return createReconciler({ pool, secrets, apiUrl: github.url, log, now });
}

async function addSource(
  options: { config?: unknown; reconciledAt?: number | null; kind?: string; status?: string } = {},
) {
  return await asOwner(databases.adminDatabaseUrl, async (sql) => {
    const { rows } = await sql.query<{ id: string }>(
      `insert into event_sources (organization_id, kind, endpoint_id, name, config, reconciled_at, status)
       values ($1, $2, $3, $3, $4, $5, $6) returning id`,
      [
        organizationId,
        options.kind ?? "github",
        randomBytes(18).toString("base64url"),
        JSON.stringify(options.config ?? REPOSITORY),
        options.reconciledAt === null ? null : new Date(options.reconciledAt ?? NOW - HOUR),
        options.status ?? "active",
      ],
    );
    return rows[0]?.id ?? "";
  });
}

/** Puts an attempt into GitHub's list; ids are beyond 2^53, as GitHub's are. */
let nextId = 3_804_004_623_172_239_367n;
function attempt(ageMinutes: number, more: Partial<Attempt> = {}): Attempt {
  const made: Attempt = {
    id: String((nextId += 2n)),
    guid: randomUUID(),
    deliveredAt: clock - ageMinutes * MINUTE,
    redelivery: false,
    statusCode: 200,
    event: "push",
    ...more,
  };
  github.attempts.push(made);
  return made;
}

/** What the intake writes when a delivery comes. */
async function receive(sourceId: string, guid: string, hookId = 7): Promise<void> {
  await asOwner(databases.adminDatabaseUrl, (sql) =>
    sql.query(
      `insert into event_keys (source_id, delivery_key, organization_id, event_id, received_at)
       values ($1, $2, $3, $4, now())`,
      [sourceId, `${hookId}:${guid}`, organizationId, randomUUID()],
    ),
  );
}

async function reconciledAt(sourceId: string): Promise<number | null> {
  const { rows } = await asOwner(databases.adminDatabaseUrl, (sql) =>
    sql.query<{ at: Date | null }>("select reconciled_at as at from event_sources where id = $1", [sourceId]),
  );
  return rows[0]?.at?.getTime() ?? null;
}

const NOTHING = { sources: 1, listed: 0, missing: 0, failed: 0, redelivered: 0, abandoned: 0, errors: 0 };

describe("what is asked for again", () => {
  it("is what failed and what never came, by the exact id, and not what is here", async () => {
    const source = await addSource();
    const fine = attempt(30);
    await receive(source, fine.guid);
    const missing = attempt(20);
    const failed = attempt(10, { statusCode: 502 });

    expect(await start().reconcile(60_000)).toEqual({
      ...NOTHING,
      listed: 3,
      missing: 1,
      failed: 1,
      redelivered: 2,
    });
    expect(github.redelivered.toSorted()).toEqual([missing.id, failed.id].toSorted());
  });

  it("leaves alone what failed at first and came when it was repeated", async () => {
    const source = await addSource();
    const first = attempt(40, { statusCode: 500 });
    attempt(20, { guid: first.guid, redelivery: true });
    await receive(source, first.guid);

    expect(await start().reconcile(60_000)).toEqual({ ...NOTHING, listed: 1 });
    expect(github.redelivered).toEqual([]);
  });

  it("does not take a delivery of another hook with the same guid for this one", async () => {
    const source = await addSource();
    const missing = attempt(20);
    await receive(source, missing.guid, 8);

    expect(await start().reconcile(60_000)).toMatchObject({ missing: 1, redelivered: 1 });
  });

  it.each([
    ["younger than two minutes", [{ age: 1 }], 0],
    ["two minutes old", [{ age: 2 }], 1],
    ["repeated nine minutes ago", [{ age: 55 }, { age: 9, redelivery: true }], 0],
    ["repeated ten minutes ago", [{ age: 55 }, { age: 10, redelivery: true }], 1],
    [
      "repeated twice, within the hour",
      [{ age: 59 }, { age: 45, redelivery: true }, { age: 30, redelivery: true }],
      0,
    ],
    ["tried five times", [900, 880, 800, 700, 600].map((age, at) => ({ age, redelivery: at > 0 })), 0],
    ["a ping", [{ age: 30, event: "ping" }], 0],
  ])("one that is %s (%j): %i", async (_name, tries, redelivered) => {
    await addSource({ reconciledAt: NOW - 24 * HOUR });
    const guid = randomUUID();
    for (const { age, ...more } of tries) attempt(age, { guid, statusCode: 503, ...more });

    expect(await start().reconcile(60_000)).toMatchObject({ listed: 1, redelivered, errors: 0 });
  });

  it("is asked for once when the next run comes before GitHub shows the repetition", async () => {
    await addSource();
    attempt(20, { statusCode: 500 });

    await start().reconcile(60_000);
    clock += 9 * MINUTE;
    expect(await start().reconcile(60_000)).toMatchObject({ failed: 0, redelivered: 0 });
    expect(github.redelivered).toHaveLength(1);
  });

  it("does not keep the others back when GitHub refuses one", async () => {
    await addSource();
    const refused = attempt(30, { statusCode: 500 });
    const other = attempt(20, { statusCode: 500 });
    github.intercept((request) => (request.includes(refused.id) ? { status: 422 } : null));

    expect(await start().reconcile(60_000)).toMatchObject({
      failed: 2,
      redelivered: 1,
      abandoned: 1,
      errors: 1,
    });
    expect(github.redelivered).toEqual([other.id]);
  });
});

describe("the window", () => {
  it("is read over all its pages, from an hour before the last time", async () => {
    await github.close();
    github = await startGithub({ pageSize: 10 });
    const source = await addSource({ reconciledAt: NOW - HOUR });
    for (let age = 5; age < 235; age += 5) await receive(source, attempt(age).guid);
    const old = attempt(115, { statusCode: 500 });
    attempt(150, { statusCode: 500 });

    expect(await start().reconcile(60_000)).toMatchObject({ listed: 25, failed: 1, redelivered: 1 });
    expect(github.redelivered).toEqual([old.id]);
    expect(github.requests.filter((line) => line.startsWith("GET"))).toHaveLength(3);
    expect(github.requests[1]).toContain("cursor=v1_");
  });

  it("goes back three days at most, and to the source's beginning the first time", async () => {
    const source = await addSource({ reconciledAt: NOW - 1_000 * HOUR });
    const kept = attempt(71 * 60, { statusCode: 500 });
    attempt(73 * 60, { statusCode: 500 });
    await start().reconcile(60_000);
    expect(github.redelivered).toEqual([kept.id]);

    await asOwner(databases.adminDatabaseUrl, (sql) =>
      sql.query(
        "update event_sources set reconciled_at = null, reconcile_state = '{}', created_at = $2 where id = $1",
        [source, new Date(NOW - 10 * HOUR)],
      ),
    );
    expect(await start().reconcile(60_000)).toMatchObject({ listed: 0 });
  });

  it("ends at the time of the run when everything is here", async () => {
    const source = await addSource();
    await receive(source, attempt(5).guid);
    await start().reconcile(60_000);
    expect(await reconciledAt(source)).toBe(NOW);
  });

  it("stays at what is still open, so that an outage of hours is got over", async () => {
    const source = await addSource({ reconciledAt: NOW - HOUR });
    const failed = attempt(30, { statusCode: 500 });
    const reconciler = start();
    await reconciler.reconcile(60_000);
    expect(await reconciledAt(source)).toBe(failed.deliveredAt);

    // Each repetition fails too, until the receiver is back five hours later.
    for (const [wait, isBack] of [
      [11, false],
      [61, false],
      [361, true],
    ] as const) {
      attempt(0, { guid: failed.guid, redelivery: true, statusCode: 500 });
      clock += wait * MINUTE;
      expect(await reconciler.reconcile(60_000)).toMatchObject({ redelivered: 1 });
      if (!isBack) continue;
      attempt(0, { guid: failed.guid, redelivery: true });
      await receive(source, failed.guid);
    }
    clock += 5 * MINUTE;
    expect(await reconciler.reconcile(60_000)).toMatchObject({ failed: 0, redelivered: 0 });
    expect(await reconciledAt(source)).toBe(clock);
    expect(github.redelivered).toHaveLength(4);
  });

  it("stays where it was when not all of it could be read, and what was read is asked for", async () => {
    await github.close();
    github = await startGithub({ pageSize: 1 });
    const source = await addSource();
    const newer = attempt(5);
    const older = attempt(10, { statusCode: 500 });
    github.intercept((request) => (request.includes("cursor=") ? { status: 500 } : null));

    expect(await start().reconcile(60_000)).toMatchObject({ listed: 1, redelivered: 1, errors: 1 });
    expect(await reconciledAt(source)).toBe(NOW - HOUR);
    expect(github.redelivered).toEqual([newer.id]);

    github.intercept(null);
    expect(await start().reconcile(60_000)).toMatchObject({ redelivered: 1, errors: 0 });
    expect(github.redelivered).toEqual([newer.id, older.id]);
  });
});

describe("GitHub's limits", () => {
  it.each([
    ["429 with retry-after", { status: 429, headers: { "retry-after": "120" } }],
    ["403 with retry-after", { status: 403, headers: { "retry-after": "120" } }],
    [
      "403 with nothing remaining",
      {
        status: 403,
        headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(NOW / 1_000 + 120) },
      },
    ],
  ])("are kept after %s: the source goes on only later, and nothing is lost", async (_name, answer) => {
    const source = await addSource();
    attempt(20, { statusCode: 500 });
    github.intercept(() => answer);
    const reconciler = start();

    expect(await reconciler.reconcile(60_000)).toEqual(NOTHING);
    expect(await reconciledAt(source)).toBe(NOW - HOUR);
    github.intercept(null);
    clock += MINUTE;
    expect(await reconciler.reconcile(60_000)).toMatchObject({ sources: 0 });
    expect(github.requests).toHaveLength(1);
    clock += MINUTE;
    expect(await reconciler.reconcile(60_000)).toMatchObject({ sources: 1, redelivered: 1 });
  });

  it("end the run when an answer used up the last request", async () => {
    await addSource();
    attempt(20, { statusCode: 500 });
    attempt(30, { statusCode: 500 });
    github.intercept((request) =>
      request.startsWith("POST")
        ? { status: 202, headers: { "x-ratelimit-remaining": "0", "retry-after": "60" } }
        : null,
    );

    expect(await start().reconcile(60_000)).toMatchObject({ redelivered: 1, errors: 0 });
    expect(github.requests.filter((line) => line.startsWith("POST"))).toHaveLength(1);
  });

  it("are not taken for a refusal: a plain 403 is an error", async () => {
    await addSource();
    github.intercept(() => ({ status: 403 }));
    expect(await start().reconcile(60_000)).toEqual({ ...NOTHING, errors: 1 });
  });
});

describe("a source", () => {
  it("whose token is missing is an error, asks for nothing and keeps its place", async () => {
    const source = await addSource();
    attempt(20, { statusCode: 500 });

    expect(await start({}).reconcile(60_000)).toEqual({ ...NOTHING, errors: 1 });
    expect(github.requests).toEqual([]);
    expect(await reconciledAt(source)).toBe(NOW - HOUR);
  });

  it("with a wrong token is an error, and the token never gets into the log", async () => {
    await addSource();
    expect(await start({ GITHUB_TOKEN: "github_pat_wrong" }).reconcile(60_000)).toEqual({
      ...NOTHING,
      errors: 1,
    });
    expect(await start({ GITHUB_TOKEN: "github_pat_\u00E9\nx" }).reconcile(60_000)).toMatchObject({
      errors: 1,
    });
    expect(logLines).toContain("could not be reconciled");
    expect(logLines).not.toContain("github_pat");
  });

  it("that fails does not stop the others", async () => {
    await addSource({ config: { hook: { repository: "acme/gone", id: 9 }, token_ref: "env:GITHUB_TOKEN" } });
    await addSource({ config: { hook: { repository: "../../x", id: 9 }, token_ref: "env:GITHUB_TOKEN" } });
    await addSource();
    attempt(20, { statusCode: 500 });

    expect(await start().reconcile(60_000)).toMatchObject({ sources: 3, redelivered: 1, errors: 2 });
  });

  it("of an organization's hook is looked at by the organization's address", async () => {
    await addSource({ config: { hook: { organization: "acme", id: 8 }, token_ref: "env:GITHUB_TOKEN" } });
    attempt(20, { statusCode: 500 });

    expect(await start().reconcile(60_000)).toMatchObject({ redelivered: 1 });
    expect(github.requests[0]).toBe("GET /orgs/acme/hooks/8/deliveries?per_page=100");
  });

  it("that is disabled, has no hook or is of another kind is left out", async () => {
    await addSource({ status: "disabled" });
    await addSource({ config: {} });
    await addSource({ kind: "signed" });
    expect(await start().reconcile(60_000)).toEqual({ ...NOTHING, sources: 0 });
    expect(github.requests).toEqual([]);
  });
});

describe("several runs", () => {
  it("at once ask for everything once", async () => {
    await addSource();
    for (let age = 10; age < 60; age += 10) attempt(age, { statusCode: 500 });
    const gate = github.hold();
    const first = start().reconcile(60_000);
    await vi.waitFor(() => expect(github.requests).toHaveLength(1), { timeout: 20_000 });

    expect(await start().reconcile(60_000)).toMatchObject({ sources: 0, redelivered: 0 });
    gate.release();
    expect(await first).toMatchObject({ redelivered: 5 });
    expect(new Set(github.redelivered).size).toBe(5);
    expect(github.redelivered).toHaveLength(5);
  });

  it("go on after one whose connection broke, because its lock goes with it", async () => {
    await addSource();
    attempt(20, { statusCode: 500 });
    const gate = github.hold();
    const broken = start().reconcile(60_000);
    const outcome = broken.then(
      () => "done",
      () => "failed",
    );
    await vi.waitFor(() => expect(github.requests).toHaveLength(1), { timeout: 20_000 });
    await asOwner(databases.adminDatabaseUrl, (sql) =>
      sql.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'test' and datname = current_database()`,
      ),
    );
    gate.release();
    expect(await outcome).toBe("failed");

    expect(await start().reconcile(60_000)).toMatchObject({ sources: 1, redelivered: 1 });
  });

  it("give their connection back without the role they had", async () => {
    await addSource();
    await start().reconcile(60_000);
    const { rows } = await pool.query<{ role: string }>("select current_user as role");
    expect(rows[0]?.role).not.toBe("netra_system");
  });

  it("stop at their deadline", async () => {
    await addSource();
    expect(await start().reconcile(0)).toMatchObject({ sources: 0 });
    expect(github.requests).toEqual([]);
  });
});
