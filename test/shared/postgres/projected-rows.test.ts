import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Json } from "../../../shared/event-payload.ts";
import { type Row, writeProjectedRows } from "../../../shared/postgres/projected-rows.ts";
import { PROJECTED_TABLES } from "../../../shared/postgres/projected-tables.ts";
import { createProjectedDatabase, type ProjectedDatabase } from "../../helpers/projected-database.ts";
import { asOwner } from "../../helpers/tenant.ts";

/** What this file guards: rows of current state end the same in every order, and nothing a sender says fails the write. */
let database: ProjectedDatabase;
const now = Date.now();
const receivedAt = new Date(now).toISOString();

beforeAll(async () => {
  database = await createProjectedDatabase([now]);
});
afterAll(() => database.close());

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

function makeItem(partial: Row = {}): Row {
  return {
    source: "github",
    kind: "issues",
    external_id: "1",
    title: "A title",
    event_id: randomUUID(),
    version_time: at(0),
    version_rank: 0,
    version_key: "a",
    ...partial,
  };
}

function makeDeployment(partial: Row = {}): Row {
  return {
    provider: "github",
    external_id: "1",
    state: "queued",
    event_id: randomUUID(),
    version_rank: 1,
    version_time: at(0),
    version_key: "a",
    ...partial,
  };
}

function makeRepository(partial: Row = {}): Row {
  return {
    id: randomUUID(),
    provider: "github",
    external_id: "1",
    full_name: "acme/shop",
    owner: "acme",
    name: "shop",
    version_time: at(0),
    version_rank: 0,
    version_key: "a",
    ...partial,
  };
}

function manyItems(count: number, second: number): Row[] {
  return Array.from({ length: count }, (_, index) =>
    makeItem({ external_id: String(index), title: String(second), version_time: at(second) }),
  );
}

describe("the description of the tables", () => {
  const types = new Map([
    ["varchar", "text"],
    ["int2", "smallint"],
    ["int4", "integer"],
    ["int8", "bigint"],
    ["bool", "boolean"],
  ]);
  it.each(Object.entries(PROJECTED_TABLES))("says what %s has in the database", async (name, table) => {
    const found = await asOwner(database.adminDatabaseUrl, (sql) =>
      sql.query<{ column_name: string; type: string; max: number | null; needed: boolean }>(
        `select column_name, udt_name as type, character_maximum_length as max,
           is_nullable = 'NO' and column_default is null as needed
         from information_schema.columns where table_schema = 'public' and table_name = $1`,
        [name],
      ),
    );
    const columns = new Map(found.rows.map((row) => [row.column_name, row]));
    const described = Object.entries(table.columns).map(([column, { type, max }]) => {
      // Texts without a length in the database are bounded by the description alone.
      const isBounded = typeof columns.get(column)?.max === "number";
      return [column, type, isBounded || type !== "text" ? max : Number(max) > 0];
    });
    const real = Object.keys(table.columns).map((column) => {
      const { type = "", max = null } = columns.get(column) ?? {};
      return [column, types.get(type) ?? type, type === "text" ? true : (max ?? undefined)];
    });
    expect(described).toEqual(real);
    const needs = found.rows.filter((row) => row.needed && row.column_name !== "organization_id");
    const required = Object.keys(table.columns).filter((column) => table.columns[column]?.required);
    expect(required).toEqual(expect.arrayContaining(needs.map((row) => row.column_name)));
  });
});

describe("rows of current state", () => {
  it("keep the greatest version, whichever comes first", async () => {
    const older = makeItem({ title: "older", version_time: at(1) });
    const newer = makeItem({ title: "newer", version_time: at(2) });
    for (const order of [
      [older, newer],
      [newer, older],
    ]) {
      const organizationId = await database.newOrganization();
      for (const row of order) await database.write(organizationId, { tracked_items: [row] });
      expect(await database.stored(organizationId, "tracked_items")).toMatchObject([{ title: "newer" }]);
    }
  });

  it("of equal times keep the greater rank, then the greater name", async () => {
    const organizationId = await database.newOrganization();
    await database.write(organizationId, { tracked_items: [makeItem({ title: "ended", version_rank: 3 })] });
    await database.write(organizationId, {
      tracked_items: [makeItem({ title: "runs", version_rank: 2, version_key: "z" })],
    });
    expect(await database.stored(organizationId, "tracked_items")).toMatchObject([{ title: "ended" }]);
    await database.write(organizationId, {
      tracked_items: [makeItem({ title: "last", version_rank: 3, version_key: "b" })],
    });
    expect(await database.stored(organizationId, "tracked_items")).toMatchObject([{ title: "last" }]);
  });

  it("of deployments keep the greater rank, even over a later time", async () => {
    const organizationId = await database.newOrganization();
    await database.write(organizationId, {
      deployment_records: [makeDeployment({ state: "success", version_rank: 3, version_time: at(5) })],
    });
    await database.write(organizationId, {
      deployment_records: [makeDeployment({ state: "in_progress", version_rank: 2, version_time: at(9) })],
    });
    expect(await database.stored(organizationId, "deployment_records")).toMatchObject([{ state: "success" }]);
  });

  it("end the same in every order and any division into batches, with all that is equal and odd", async () => {
    const key = fc.constantFrom("a", "b", "Z", "é", "\u{ffff}", "\u{1f600}", "");
    const time = fc.integer({ min: 0, max: 2 }).map(at);
    const version = { version_time: time, version_rank: fc.integer({ min: 0, max: 2 }), version_key: key };
    const moment = fc.option(fc.integer({ min: 0, max: 9 }).map(at));
    const id = fc.constantFrom("1", "2");
    const item = fc
      .record({ external_id: id, title: fc.option(key), ...version })
      .map((partial) => makeItem(partial));
    const deployment = fc
      .record({ external_id: id, started_at: moment, finished_at: moment, ...version })
      .map((partial) => makeDeployment(partial));
    const repositoryId = randomUUID();
    const commit = fc
      .record({
        sha: fc.constantFrom("c1", "c2"),
        url: fc.option(key),
        author: fc.option(key),
        committed_at: moment,
      })
      .map((partial): Row => ({ repository_id: repositoryId, message: "m", ...partial }));
    const batch = fc
      .record({
        tracked_items: fc.array(item, { maxLength: 4 }),
        deployment_records: fc.array(deployment, { maxLength: 4 }),
        repository_commits: fc.array(commit, { maxLength: 4 }),
      })
      .map((rows) => ({ ...rows, repositories: [makeRepository({ id: repositoryId })] }));

    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { minLength: 1, maxLength: 5 }),
        fc.infiniteStream(fc.nat()),
        async (batches, dice) => {
          const all = {
            repositories: batches.flatMap((rows) => rows.repositories),
            tracked_items: batches.flatMap((rows) => rows.tracked_items),
            deployment_records: batches.flatMap((rows) => rows.deployment_records),
            repository_commits: batches.flatMap((rows) => rows.repository_commits),
          };
          const shuffled = batches
            .map((rows) => ({ rows, place: dice.next().value }))
            .sort((a, b) => a.place - b.place);
          const ends = [];
          for (const order of [[all], batches, batches.toReversed(), shuffled.map(({ rows }) => rows)]) {
            await asOwner(database.adminDatabaseUrl, (sql) =>
              sql.query("delete from repositories where id = $1", [repositoryId]),
            );
            const organizationId = await database.newOrganization();
            for (const rows of order) await database.write(organizationId, rows);
            ends.push(
              await Promise.all(
                ["tracked_items", "deployment_records", "repository_commits"].map((table) =>
                  database.stored(organizationId, table),
                ),
              ),
            );
          }
          for (const end of ends) expect(end).toEqual(ends[0]);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("of a deployment keep the earliest start and the latest end that any event told", async () => {
    const started = makeDeployment({ state: "in_progress", version_rank: 2, started_at: at(1) });
    const ended = makeDeployment({ state: "success", version_rank: 3, finished_at: at(7) });
    for (const batches of [[[started], [ended]], [[ended], [started]], [[started, ended]]]) {
      const organizationId = await database.newOrganization();
      for (const rows of batches) await database.write(organizationId, { deployment_records: rows });
      const [record] = await database.stored(organizationId, "deployment_records");
      expect(record).toMatchObject({ state: "success" });
      expect(new Date(String(record?.["started_at"])).toISOString()).toBe(at(1));
      expect(new Date(String(record?.["finished_at"])).toISOString()).toBe(at(7));
    }
  });

  it("take the same version again, so that a replay corrects what was read wrongly before", async () => {
    const organizationId = await database.newOrganization();
    const row = makeItem({ title: "read wrongly" });
    await database.write(organizationId, { tracked_items: [row] });
    await database.write(organizationId, { tracked_items: [{ ...row, title: "read rightly" }] });
    expect(await database.stored(organizationId, "tracked_items")).toMatchObject([{ title: "read rightly" }]);
  });

  it("of one organization leave those of another as they are", async () => {
    const [one, other] = [await database.newOrganization(), await database.newOrganization()];
    await database.write(one, { tracked_items: [makeItem({ title: "one" })] });
    await database.write(other, { tracked_items: [makeItem({ title: "other", version_time: at(9) })] });
    expect(await database.stored(one, "tracked_items")).toMatchObject([{ title: "one" }]);
  });

  it("shared by concurrent batches in opposite orders neither lock each other up nor differ", async () => {
    const organizationId = await database.newOrganization();
    await Promise.all(
      Array.from({ length: 12 }, (_, second) => {
        const rows = manyItems(300, second);
        return database.write(organizationId, { tracked_items: second % 2 === 0 ? rows : rows.toReversed() });
      }),
    );
    const items = await database.stored(organizationId, "tracked_items");
    expect(items).toHaveLength(300);
    expect(new Set(items.map((item) => item["title"]))).toEqual(new Set(["11"]));
  });
});

describe("rows with an id of their own", () => {
  it("that are new to several batches at once are written by all of them", async () => {
    const organizationId = await database.newOrganization();
    for (let round = 0; round < 12; round += 1) {
      const ids = Array.from({ length: 40 }, () => randomUUID());
      const batch = (second: number): Row[] =>
        ids.map((id, index) =>
          makeRepository({
            id,
            external_id: `${round}-${index}`,
            name: String(second),
            version_time: at(second),
          }),
        );
      await Promise.all(
        [1, 4, 2, 3].map((second) => database.write(organizationId, { repositories: batch(second) })),
      );
    }
    const repositories = await database.stored(organizationId, "repositories");
    expect(repositories).toHaveLength(12 * 40);
    expect(new Set(repositories.map((row) => row["name"]))).toEqual(new Set(["4"]));
  });
});

it("are written in the order of their keys whatever the server's plan, so that batches wait for each other", async () => {
  const organizationId = await database.newOrganization();
  const keys = Array.from({ length: 200 }, (_, index) => `${"aBcD"[index % 4]}-${1_000 + index}`);
  const written = await asOwner(database.adminDatabaseUrl, async (sql) => {
    await sql.query("set enable_nestloop = off; set enable_mergejoin = off; set enable_sort = off");
    await writeProjectedRows(sql, organizationId, {
      repositories: keys.map((external_id) => makeRepository({ id: randomUUID(), external_id })),
    });
    const { rows } = await sql.query<{ external_id: string }>(
      "select external_id from repositories where organization_id = $1 order by ctid",
      [organizationId],
    );
    return rows.map(({ external_id }) => external_id);
  });
  expect(written).toEqual(keys.toSorted());
});

describe("rows of events", () => {
  it("are written once for each event and again with new values by a replay", async () => {
    const organizationId = await database.newOrganization();
    const row: Row = { event_id: randomUUID(), received_at: receivedAt, event: "push", title: "before" };
    await database.write(organizationId, { github_events: [row, row] });
    await database.write(organizationId, { github_events: [{ ...row, title: "after" }] });
    expect(await database.stored(organizationId, "github_events")).toMatchObject([
      { event: "push", title: "after" },
    ]);
  });

  it("of any number are written in bounded statements", async () => {
    const organizationId = await database.newOrganization();
    const rows = Array.from({ length: 1_201 }, (): Row => ({
      event_id: randomUUID(),
      received_at: receivedAt,
      event: "message",
      text: "x".repeat(100),
    }));
    await database.write(organizationId, { slack_events: rows });
    expect(await database.stored(organizationId, "slack_events")).toHaveLength(1_201);
  });
});

describe("odd values", () => {
  it("that refer to a repository no one knows are left out", async () => {
    const organizationId = await database.newOrganization();
    const lost = { repository_id: randomUUID(), version_time: at(0), version_rank: 0, version_key: "a" };
    await database.write(organizationId, {
      repository_branches: [{ ...lost, name: "main" }],
      repository_commits: [{ ...lost, sha: "abc" }],
      tracked_items: [makeItem()],
    });
    expect(await database.stored(organizationId, "repository_branches")).toEqual([]);
    expect(await database.stored(organizationId, "tracked_items")).toHaveLength(1);
  });

  it("are cut, cleaned or left out, and never fail the batch", async () => {
    const organizationId = await database.newOrganization();
    await database.write(organizationId, {
      tracked_items: [
        makeItem({
          external_id: "odd",
          title: "a\0b\ud800c",
          branch: `${"b".repeat(399)}\u{1f600}`,
          number: 1e30,
          opened_at: "yesterday",
          closed_at: "+012026-01-01T00:00:00.000Z",
          state: 7,
          repository_id: "no uuid",
        }),
        makeItem({ external_id: "good" }),
        makeItem({ external_id: "without a version", version_time: "never" }),
        makeItem({ external_id: "rank out of range", version_rank: 40_000 }),
      ],
      deployment_records: [makeDeployment({ state: "exploded" })],
    });
    expect(await database.stored(organizationId, "deployment_records")).toEqual([]);
    const items = await database.stored(organizationId, "tracked_items");
    expect(new Set(items.map((item) => item["external_id"]))).toEqual(new Set(["good", "odd"]));
    expect(items.find((item) => item["external_id"] === "odd")).toMatchObject({
      title: "a\u{fffd}b\u{fffd}c",
      branch: "b".repeat(399),
      number: null,
      opened_at: null,
      closed_at: null,
      state: null,
      repository_id: null,
    });
  });

  it("of any kind in any column never fail the batch", async () => {
    const organizationId = await database.newOrganization();
    const odd: fc.Arbitrary<Json> = fc.oneof(
      fc.constantFrom<Json>(
        null,
        "",
        "\0",
        "\ud800",
        "2026-13-45",
        "0000-01-01",
        at(1),
        randomUUID(),
        -0,
        2 ** 53,
      ),
      fc.string({ unit: "binary", maxLength: 600 }),
      fc.double(),
      fc.boolean(),
      fc.constant<Json>({ "a\0": ["\\u0000", "\\", "\ud800"] }),
    );
    const tables = Object.entries(PROJECTED_TABLES);
    const rows = fc.record(
      Object.fromEntries(
        tables.map(([name, table]) => [
          name,
          fc.array(fc.record(Object.fromEntries(Object.keys(table.columns).map((column) => [column, odd]))), {
            minLength: 1,
            maxLength: 3,
          }),
        ]),
      ),
    );
    await fc.assert(
      fc.asyncProperty(rows, async (odds) => {
        // Half of them with what a row needs, so that the odd values come as far as the database.
        const withNeeds = Object.fromEntries(
          tables.map(([name, table]) => [
            name,
            (odds[name] ?? []).map((row) => {
              const needs = Object.entries(table.columns).filter(([, column]) => column.required);
              return {
                ...row,
                ...Object.fromEntries(needs.map(([column]) => [column, valueFor(name, column)])),
              };
            }),
          ]),
        );
        await database.write(organizationId, odds);
        await database.write(organizationId, withNeeds);
      }),
      { numRuns: 40 },
    );
    const stored = await database.storedAll(organizationId);
    expect(Object.keys(stored).filter((name) => stored[name]?.length === 0)).toEqual([]);
  });
});

const REPOSITORY_ID = randomUUID();
function valueFor(table: string, column: string): Json {
  if (["received_at", "version_time", "first_seen"].includes(column)) return receivedAt;
  if (column === "version_rank") return 1;
  if (column === "repository_id" || (table === "repositories" && column === "id")) return REPOSITORY_ID;
  if (column.endsWith("id") && column !== "external_id" && column !== "deployment_id") return randomUUID();
  if (column === "state") return "queued";
  if (column === "status") return "active";
  return table === "repositories" ? "1" : randomUUID().slice(0, 8);
}
