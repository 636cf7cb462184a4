import { randomBytes } from "node:crypto";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { createClickHouse } from "../../../shared/clickhouse/client.ts";
import { queryForOrganization } from "../../../shared/clickhouse/organization-query.ts";

const ALPHA = "11111111-1111-4111-8111-111111111111";
const BETA = "22222222-2222-4222-8222-222222222222";

async function openNotes() {
  const client = createClickHouse({ url: inject("testStack").clickhouseUrl });
  const table = `notes_${randomBytes(6).toString("hex")}`;
  await client.command({
    query: `create table ${table} (organization_id UUID, body String) engine = MergeTree order by organization_id`,
  });
  onTestFinished(async () => {
    await client.command({ query: `drop table ${table}` });
    await client.close();
  });
  await client.insert({
    table,
    format: "JSONEachRow",
    values: [
      { organization_id: ALPHA, body: "of alpha" },
      { organization_id: BETA, body: "of beta" },
    ],
  });
  return { client, table };
}

describe("a query of tenant data", () => {
  it("shows one organization its own rows only", async () => {
    const { client, table } = await openNotes();
    const query = `select body from ${table} where organization_id = {organization_id:UUID}`;

    expect(await queryForOrganization(client, ALPHA, { query })).toEqual([{ body: "of alpha" }]);
    expect(await queryForOrganization(client, BETA, { query })).toEqual([{ body: "of beta" }]);
  });

  it("cannot be pointed at another organization by its own parameters", async () => {
    const { client, table } = await openNotes();

    const rows = await queryForOrganization(client, ALPHA, {
      query: `select body from ${table} where organization_id = {organization_id:UUID} and body != {other:String}`,
      params: { organization_id: BETA, other: "x' or 1 = 1 --" },
    });

    expect(rows).toEqual([{ body: "of alpha" }]);
  });

  it.each([
    ["no restriction", "select 1"],
    ["the restriction in a comment", "select 1 -- {organization_id:UUID}"],
    ["the restriction in a block comment", "select 1 /* {organization_id:UUID} */"],
    ["an organization written into it", `select '${ALPHA}'`],
  ])("with %s is refused before it is sent", async (_what, query) => {
    const client = createClickHouse({ url: "http://127.0.0.1:1/none" });

    await expect(queryForOrganization(client, ALPHA, { query })).rejects.toThrow("must restrict itself");
    await client.close();
  });

  it("ends at its deadline", async () => {
    const { client, table } = await openNotes();

    await expect(
      queryForOrganization(client, ALPHA, {
        query: `select count() from ${table} as n, numbers(1000000000000) as x where organization_id = {organization_id:UUID} and sipHash64(number) = 1`,
        maxSeconds: 1,
      }),
    ).rejects.toMatchObject({ type: "TIMEOUT_EXCEEDED" });
  });

  it("returns large integers and decimals without rounding them", async () => {
    const { client } = await openNotes();

    const rows = await queryForOrganization(client, ALPHA, {
      query: `select toUInt64(9007199254740993) as tokens, toDecimal128('0.000000000001', 12) as cost
              where {organization_id:UUID} = {organization_id:UUID}`,
    });

    expect(rows).toEqual([{ tokens: "9007199254740993", cost: "0.000000000001" }]);
  });
});
