import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { createReconciler, type Reconciled } from "../../functions/events/reconcile/reconcile-github.ts";
import { createPool, type Pool } from "../../shared/postgres/pool.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import {
  type Attempt,
  type GithubStandIn,
  startGithub,
} from "../functions/events/reconcile/github-stand-in.ts";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";

/**
 * What this file guards: however much GitHub has, and whatever it refuses, every run gets further, every source gets its
 * turn, and what is missing is asked for, few times and not for ever.
 */
const NOW = Date.parse("2026-06-15T12:00:00Z");
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DEADLINE = 50 * SECOND;
const REPOSITORY = { hook: { repository: "acme/app", id: 7 }, token_ref: "env:GITHUB_TOKEN" };
const ORGANIZATION = { hook: { organization: "acme", id: 8 }, token_ref: "env:GITHUB_TOKEN" };

let databases: TestDatabases;
let pool: Pool;
let organizationId: string;
let github: GithubStandIn;
let clock: number;
let logText: string;

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
beforeEach(() => {
  clock = NOW;
  logText = "";
});
afterEach(async () => {
  await github.close();
  await asOwner(databases.adminDatabaseUrl, (sql) => sql.query("delete from event_sources"));
});

const now = (): number => clock;
const log = (...entry: unknown[]): void => void (logText += `${JSON.stringify(entry)}\n`);

/** A run of an instance that has just started: nothing but the database carries over. */
function reconcile(): Promise<Reconciled> {
  const env = { GITHUB_TOKEN: "github_pat_right", OLD_TOKEN: "github_pat_expired" };
  const secrets = createSecretSource({ env, directory: undefined, log, now });
  return createReconciler({ pool, secrets, apiUrl: github.url, log, now }).reconcile(DEADLINE);
}

async function addSource(config: unknown, id: string = randomUUID()): Promise<string> {
  await asOwner(databases.adminDatabaseUrl, (sql) =>
    sql.query(
      `insert into event_sources (id, organization_id, kind, endpoint_id, name, config, created_at)
       values ($1, $2, 'github', $3, $3, $4, $5)`,
      [
        id,
        organizationId,
        randomBytes(18).toString("base64url"),
        JSON.stringify(config),
        new Date(NOW - 240 * HOUR),
      ],
    ),
  );
  return id;
}

let nextId = 3_804_004_623_172_239_367n;
function attempt(ageMs: number, more: Partial<Attempt> = {}): Attempt {
  const made: Attempt = {
    id: String((nextId += 2n)),
    guid: randomUUID(),
    deliveredAt: clock - ageMs,
    redelivery: false,
    statusCode: 200,
    event: "ping",
    ...more,
  };
  github.attempts.push(made);
  return made;
}
const lose = (ageMs: number): Attempt => attempt(ageMs, { event: "push", statusCode: 502 });

async function receive(sourceId: string, guids: readonly string[]): Promise<void> {
  await asOwner(databases.adminDatabaseUrl, (sql) =>
    sql.query(
      `insert into event_keys (source_id, delivery_key, organization_id, event_id, received_at)
       select $1, '7:' || guid, $2, gen_random_uuid(), now() from unnest($3::text[]) guid on conflict do nothing`,
      [sourceId, organizationId, guids],
    ),
  );
}

async function reconciledAt(sourceId: string): Promise<number | null> {
  const { rows } = await asOwner(databases.adminDatabaseUrl, (sql) =>
    sql.query<{ at: Date | null }>("select reconciled_at as at from event_sources where id = $1", [sourceId]),
  );
  return rows[0]?.at?.getTime() ?? null;
}

const pagesRead = (): number => github.requests.filter((line) => line.startsWith("GET")).length;

it("a list longer than one visit reads is read on where the last one stopped, and what is new comes first", async () => {
  github = await startGithub({ pageSize: 2 });
  const source = await addSource(REPOSITORY);
  for (let at = 1; at <= 1_000; at += 1) attempt(at * 4 * MINUTE);
  const oldest = lose(70 * HOUR);

  expect(await reconcile()).toMatchObject({ redelivered: 0, errors: 0 });
  expect(pagesRead()).toBe(300);
  clock += MINUTE;
  const newest = lose(5 * MINUTE);
  expect(await reconcile()).toMatchObject({ redelivered: 2, errors: 0 });

  expect(github.redelivered).toEqual([newest.id, oldest.id]);
  // 501 pages are there; only the last minutes were read twice.
  expect(pagesRead()).toBeLessThan(515);
  await receive(source, [newest.guid, oldest.guid]);
  clock += MINUTE;
  const before = pagesRead();
  await reconcile();
  expect(await reconciledAt(source)).toBe(clock);
  expect(pagesRead() - before).toBeLessThan(5);
});

it("bursts that come faster than they are read are made up for, and each loss is asked for once meanwhile", async () => {
  github = await startGithub({ pageSize: 1 });
  const source = await addSource(REPOSITORY);
  const lost: Attempt[] = [];
  const received = new Set<string>();
  for (let run = 0; run < 12; run += 1) {
    if (run < 3) {
      for (let at = 0; at < 350; at += 1) attempt(10 * MINUTE - at * 1_000);
      for (let at = 0; at < 10; at += 1) lost.push(lose(10 * MINUTE - at * 34_500));
    }
    expect(await reconcile()).toMatchObject({ errors: 0 });
    const asked = github.attempts.filter(({ id }) => github.redelivered.includes(id));
    await receive(
      source,
      asked.map(({ guid }) => guid),
    );
    for (const { guid } of asked) received.add(guid);
    clock += 15 * MINUTE;
  }

  expect(received).toEqual(new Set(lost.map(({ guid }) => guid)));
  expect(github.redelivered).toHaveLength(lost.length);
  expect(await reconciledAt(source)).toBe(clock - 15 * MINUTE);
});

it("more losses than are kept at once are all asked for, each once", async () => {
  github = await startGithub();
  const source = await addSource(REPOSITORY);
  const lost = Array.from({ length: 2_300 }, (_, at) => lose(HOUR + at * MINUTE));
  for (let run = 0; run < 20 && github.redelivered.length < lost.length; run += 1) {
    const before = github.redelivered.length;
    expect(await reconcile()).toMatchObject({ redelivered: Math.min(200, lost.length - before), errors: 0 });
    const asked = new Set(github.redelivered.slice(before));
    await receive(
      source,
      lost.filter(({ id }) => asked.has(id)).map(({ guid }) => guid),
    );
    clock += MINUTE;
  }

  expect(github.redelivered.toSorted()).toEqual(lost.map(({ id }) => id).toSorted());
  await reconcile();
  expect(await reconciledAt(source)).toBe(clock);
});

it("a source of which little can be read in a run gets further in each, and leaves the others their turn", async () => {
  github = await startGithub({ pageSize: 10 });
  await addSource(REPOSITORY, "00000000-0000-4000-8000-000000000001");
  await addSource(ORGANIZATION, "ffffffff-ffff-4fff-bfff-ffffffffffff");
  for (let at = 1; at <= 300; at += 1) attempt(at * 10 * MINUTE);
  const oldest = lose(60 * HOUR);
  // Every page of the one takes six seconds.
  github.intercept((request) => {
    if (request.includes("/repos/")) clock += 6 * SECOND;
    return null;
  });
  const asked = (owner: string): number =>
    github.requests.filter((line) => line.startsWith(`POST /${owner}/`) && line.includes(oldest.id)).length;

  expect(await reconcile()).toMatchObject({ sources: 2, errors: 0 });
  expect([asked("orgs"), asked("repos")]).toEqual([1, 0]);
  const pages: number[] = [];
  for (let run = 0; run < 15 && asked("repos") === 0; run += 1) {
    clock += MINUTE;
    const before = pagesRead();
    await reconcile();
    pages.push(pagesRead() - before);
  }
  expect(asked("repos")).toBe(1);
  expect(Math.min(...pages)).toBeGreaterThan(2);
});

it("even a source of which each page takes longer than its turn gets to the end of its list", async () => {
  github = await startGithub({ pageSize: 10 });
  const source = await addSource(REPOSITORY);
  for (let at = 0; at < 20; at += 1) await addSource(ORGANIZATION);
  for (let at = 1; at <= 100; at += 1) attempt(at * 10 * MINUTE);
  const oldest = lose(30 * HOUR);
  github.intercept((request) => {
    if (request.includes("/repos/")) clock += 7 * SECOND;
    return null;
  });
  const isAsked = (): boolean =>
    github.requests.some((line) => line.startsWith("POST /repos/") && line.includes(oldest.id));
  for (let run = 0; run < 30 && !isAsked(); run += 1) {
    await reconcile();
    clock += MINUTE;
  }

  expect(isAsked()).toBe(true);
  await receive(source, [oldest.guid]);
  await reconcile();
  expect(await reconciledAt(source)).toBeGreaterThan(NOW);
});

it.each([400, 404, 422])(
  "a place in the list that GitHub answers with %i is found again from its beginning",
  async (status) => {
    github = await startGithub({ pageSize: 2 });
    await addSource(REPOSITORY);
    const attempts = Array.from({ length: 610 }, (_, at) => attempt((at + 1) * 4 * MINUTE));
    const oldest = lose(42 * HOUR);
    await reconcile();
    expect(pagesRead()).toBe(300);
    // The place it stopped at is gone; what is new moves all pages by one.
    const place = `cursor=v1_${attempts[600]?.id ?? ""}`;
    github.intercept((request) => (request.includes(place) ? { status } : null));
    clock += 15 * MINUTE;
    attempt(MINUTE);
    expect(await reconcile()).toMatchObject({ errors: 1 });
    for (let run = 0; run < 4 && github.redelivered.length === 0; run += 1) {
      clock += MINUTE;
      expect(await reconcile()).toMatchObject({ errors: 0 });
    }
    expect(github.redelivered).toEqual([oldest.id]);
  },
);

it("sources that fail each time do not keep a later one from its turn", async () => {
  github = await startGithub();
  const gone = { hook: { repository: "acme/gone", id: 9 }, token_ref: "env:GITHUB_TOKEN" };
  for (let at = 0; at < 60; at += 1) {
    const id = `00000000-0000-4000-8000-${String(at).padStart(12, "0")}`;
    await addSource(at % 2 === 0 ? gone : { ...REPOSITORY, token_ref: "env:OLD_TOKEN" }, id);
  }
  await addSource(ORGANIZATION, "ffffffff-ffff-4fff-bfff-ffffffffffff");
  const lost = lose(HOUR);
  github.intercept(() => {
    clock += SECOND;
    return null;
  });

  const first = await reconcile();
  expect(first.errors).toBe(first.sources);
  expect(first.sources).toBeLessThan(60);
  expect(await reconcile()).toMatchObject({ redelivered: 1 });
  expect(github.redelivered).toEqual([lost.id]);
});

it.each([404, 410, 422])(
  "a redelivery refused with %i is given up, told once, and holds up nothing",
  async (status) => {
    github = await startGithub();
    const source = await addSource(REPOSITORY);
    const refused = [lose(40 * HOUR), lose(5 * MINUTE)];
    github.intercept((request) => (request.startsWith("POST") ? { status } : null));

    expect(await reconcile()).toMatchObject({ failed: 2, redelivered: 0, abandoned: 2, errors: 2 });
    expect(await reconciledAt(source)).toBe(NOW);
    github.intercept(null);
    for (let run = 0; run < 4; run += 1) {
      clock += 4 * MINUTE;
      expect(await reconcile()).toMatchObject({ failed: 0, abandoned: 0, errors: 0 });
    }
    expect(github.redelivered).toEqual([]);
    expect(logText.match(/does not deliver an event again/g)).toHaveLength(refused.length);
  },
);

it("one whose redelivery breaks each time does not keep the next ones from being asked for", async () => {
  github = await startGithub();
  await addSource(REPOSITORY);
  const broken = lose(3 * HOUR);
  const other = lose(2 * HOUR);
  github.intercept((request) => (request.includes(broken.id) ? { status: 500 } : null));

  expect(await reconcile()).toMatchObject({ redelivered: 0, errors: 1 });
  clock += MINUTE;
  expect(await reconcile()).toMatchObject({ redelivered: 1, errors: 0 });
  expect(github.redelivered).toEqual([other.id]);
});

it.each([true, false])(
  "what never comes is asked for four times with growing gaps, then left (GitHub shows repetitions: %s)",
  async (isShown) => {
    github = await startGithub();
    const source = await addSource(REPOSITORY);
    const lost = [lose(5 * MINUTE), lose(20 * HOUR)];
    const askedAt: number[] = [];
    let abandoned = 0;
    for (let run = 0; run < 100; run += 1) {
      const before = github.redelivered.length;
      abandoned += (await reconcile()).abandoned;
      for (const id of github.redelivered.slice(before)) {
        const guid = github.attempts.find((one) => one.id === id)?.guid ?? "";
        if (guid === lost[0]?.guid) askedAt.push((clock - NOW) / MINUTE);
        if (isShown) attempt(0, { guid, redelivery: true, statusCode: 502, event: "push" });
      }
      clock += 5 * MINUTE;
    }

    expect(askedAt).toEqual([0, 10, 70, 430]);
    expect(github.redelivered).toHaveLength(8);
    expect(abandoned).toBe(2);
    expect(await reconciledAt(source)).toBe(clock - 5 * MINUTE);
  },
);
