import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LEASES_MS } from "../../functions/events/retry.ts";
import { claimEvents } from "../../shared/postgres/event-processing.ts";
import { createPool, type Pool, withOrganization } from "../../shared/postgres/pool.ts";
import { type Events, insertEvent, insertEvents, startEvents } from "../helpers/events.ts";
import { asOwner } from "../helpers/tenant.ts";

/** An event that ended its worker took others along, eight times within 20 minutes, and could be made to with 24 MB. */
let events: Events;
let pool: Pool;
beforeAll(async () => {
  events = await startEvents();
  pool = createPool({
    databaseUrl: events.databases.databaseUrl,
    connectionsMax: 2,
    applicationName: "test",
    log: () => {},
  });
});
afterAll(async () => {
  await pool.end();
  await events.close();
});

const MINUTE_MS = 60_000;
const BODY_BYTES = 24 * 1024 * 1024;
const BOUNDS = { bytesMax: 1_000_000, leasesMs: LEASES_MS, isSuspiciousFirst: false };
const PLAIN = { source: "standard", eventType: "standard.fine" } as const;
const PUSH = { source: "github", eventType: "github.push" } as const;

function insertPlain(count: number) {
  const all = Array.from({ length: count }, () => ({ ...PLAIN, body: {} }));
  const { adminDatabaseUrl } = events.databases;
  return insertEvents(adminDatabaseUrl, events.tenant.organizationId, all);
}

function insertPush(body: unknown) {
  return insertEvent(events.databases.adminDatabaseUrl, events.tenant.organizationId, { ...PUSH, body });
}

async function endOf(id: string) {
  const text = `select status, attempts, error_class, payload is not null as has_payload from events where id = $1`;
  const found = await asOwner(events.databases.adminDatabaseUrl, (sql) => sql.query(text, [id]));
  return found.rows[0] as unknown;
}

async function setAttempts(attempts: number, ids: readonly string[]): Promise<void> {
  const text = `update events set status = 'processing', attempts = $1, next_attempt_at = now() where id = any ($2)`;
  await asOwner(events.databases.adminDatabaseUrl, (sql) => sql.query(text, [attempts, ids]));
}

describe("a body of many values", () => {
  it("ends as a dead letter, whatever reading it would cost, and its neighbours are processed", async () => {
    const poison = await insertPush(`{"z": "\\u0000", "a": [${"{},".repeat(BODY_BYTES / 3)}0]}`);
    const others = await insertPlain(5);

    expect(new Set(await Promise.all([poison, ...others].map((key) => events.push(key))))).toEqual(
      new Set([204]),
    );

    expect(await endOf(poison.id)).toMatchObject({
      status: "dead_letter",
      attempts: 1,
      error_class: "too_complex",
    });
    for (const { id } of others) expect(await endOf(id)).toMatchObject({ status: "processed", attempts: 1 });
  });

  it("is processed where it is as large as GitHub's can be", async () => {
    const added = Array.from({ length: 1_000 }, (_, index) => `packages/service-${index}/src/main/index.ts`);
    const commit = { message: "more 😀", timestamp: "2026-01-01T00:00:00Z", added };
    const commits = Array.from({ length: 620 }, (_, index) => ({
      ...commit,
      id: index.toString(16).padStart(40, "0"),
    }));
    const repository = {
      id: 1,
      full_name: "o/r",
      pushed_at: 1_760_000_000,
      updated_at: "2026-01-01T00:00:00Z",
    };
    const body = JSON.stringify({ ref: "refs/heads/main", after: "a".repeat(40), repository, commits });
    expect(body.length).toBeGreaterThan(BODY_BYTES);
    expect(body.length).toBeLessThan(26_214_400);
    const key = await insertPush(body);

    expect(await events.push(key)).toBe(204);

    expect(await endOf(key.id)).toMatchObject({ status: "processed", attempts: 1, has_payload: true });
  });
});

describe("an event that was taken twice before", () => {
  it("is taken alone, before or after all that were not", async () => {
    const keys = await insertPlain(5);
    const suspicious = keys.slice(0, 2).map(({ id }) => id);
    await setAttempts(2, suspicious);
    const claim = (isSuspiciousFirst: boolean) =>
      withOrganization(pool, events.tenant.organizationId, (sql) =>
        claimEvents(sql, events.tenant.organizationId, keys, { ...BOUNDS, isSuspiciousFirst }),
      );

    const rounds = [await claim(true), await claim(false), await claim(false), await claim(true)];

    const taken = rounds.map((round) => round.events.map(({ id }) => id));
    expect(taken.map((ids) => ids.length)).toEqual([1, 3, 1, 0]);
    expect([...(taken[0] ?? []), ...(taken[2] ?? [])].toSorted()).toEqual(suspicious.toSorted());
    expect(rounds.map(({ deferred }) => deferred.length)).toEqual([4, 1, 0, 0]);
  });

  it("is put off as what failed is when its worker is lost, ever longer", async () => {
    const [key] = await insertPlain(1);
    if (key === undefined) throw new Error("nothing was inserted");
    const leases: number[] = [];
    for (let attempts = 0; attempts < 9; attempts += 1) {
      await setAttempts(attempts, [key.id]);
      const { rows } = await withOrganization(pool, events.tenant.organizationId, async (sql) => {
        await claimEvents(sql, events.tenant.organizationId, [key], BOUNDS);
        const text =
          "select extract(epoch from next_attempt_at - now())::float8 as lease from events where id = $1";
        return sql.query<{ lease: number }>(text, [key.id]);
      });
      leases.push((rows[0]?.lease ?? 0) / 60 - 1.5);
    }
    expect(leases).toEqual([0, 0, 8, 30, 120, 360, 720, 1_440, 1_440]);
    expect(LEASES_MS[0]).toBe(1.5 * MINUTE_MS);
  });
});
