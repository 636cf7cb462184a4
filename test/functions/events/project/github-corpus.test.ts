import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectGithub } from "../../../../functions/events/project/github.ts";
import type { JsonObject } from "../../../../shared/event-payload.ts";
import { claimGithubDelivery } from "../../../helpers/github-events.ts";
import {
  createProjectedDatabase,
  joinProjectedRows,
  type ProjectedDatabase,
} from "../../../helpers/projected-database.ts";

/** What this file guards: everything GitHub publishes as an example comes to rows that the database takes. */
const require = createRequire(import.meta.url);
const corpus = JSON.parse(
  readFileSync(require.resolve("@octokit/webhooks-examples/api.github.com/index.json"), "utf8"),
) as { name: string; examples: JsonObject[] }[];

const receivedAt = Date.now();
/** GitHub says nothing of the time in some examples of these. */
const WITHOUT_TIME = new Set(["github_app_authorization", "membership", "org_block", "organization", "team"]);

let database: ProjectedDatabase;
beforeAll(async () => {
  database = await createProjectedDatabase([receivedAt]);
});
afterAll(() => database.close());

function project(organizationId: string, name: string, payload: JsonObject) {
  const delivery = { event: name, guid: randomUUID(), payload };
  return projectGithub(claimGithubDelivery(delivery, { organizationId, receivedAt }), payload);
}

/** The organization's tables, with GitHub's ids of repositories in place of its own. */
async function endOf(organizationId: string): Promise<string[]> {
  const tables = await database.storedAll(organizationId);
  let text = JSON.stringify(tables);
  for (const { id, external_id: externalId } of tables["repositories"] ?? []) {
    text = text.replaceAll(String(id), String(externalId));
  }
  const rows = Object.entries(JSON.parse(text) as Record<string, unknown[]>);
  return rows.flatMap(([name, list]) => list.map((row) => `${name} ${JSON.stringify(row)}`)).toSorted();
}

describe("the examples GitHub publishes", () => {
  it("come to a row each, with a time wherever one is given, and are all stored", async () => {
    const organizationId = await database.newOrganization();
    const counts: Record<string, string> = {};
    const timeless = new Set<string>();
    let total = 0;
    for (const { name, examples } of corpus) {
      const results = examples.map((payload) => project(organizationId, name, payload));
      total += results.length;
      if (results.some((result) => result.providerTime === null)) timeless.add(name);
      const rows = joinProjectedRows(results.map((result) => result.rows));
      counts[name] = Object.entries(rows)
        .map(([table, list]) => `${table} ${list.length}`)
        .join(", ");
      expect(rows.github_events).toHaveLength(examples.length);
      await database.write(organizationId, rows);
    }
    process.stdout.write(`${JSON.stringify(counts, null, 2)}\n`);
    expect(total).toBeGreaterThan(300);
    expect(await database.stored(organizationId, "github_events")).toHaveLength(total);
    expect([...timeless].filter((name) => !WITHOUT_TIME.has(name))).toEqual([]);
    for (const table of ["repositories", "repository_branches", "tracked_items", "deployment_records"]) {
      expect(await database.stored(organizationId, table)).not.toEqual([]);
    }
  });

  it("in any order end in the same tables", async () => {
    const events = corpus.flatMap(({ name, examples }) =>
      examples.map((payload) => ({ name, payload, guid: randomUUID(), id: randomUUID() })),
    );
    const orders = [events, events.toReversed(), events.toSorted((a, b) => (a.guid < b.guid ? -1 : 1))];
    const ends = [];
    for (const order of orders) {
      const organizationId = await database.newOrganization();
      for (let start = 0; start < order.length; start += 25) {
        const parts = order.slice(start, start + 25).map(({ name, payload, guid, id }) => {
          const event = claimGithubDelivery(
            { event: name, guid, payload },
            { organizationId, receivedAt, id },
          );
          return projectGithub(event, payload).rows;
        });
        await database.write(organizationId, joinProjectedRows(parts));
      }
      ends.push(await endOf(organizationId));
    }
    expect(ends[1]).toEqual(ends[0]);
    expect(ends[2]).toEqual(ends[0]);
  });

  it("name who sent them and the repository they are about", () => {
    for (const { name, examples } of corpus) {
      for (const payload of examples) {
        const { actor, repository } = project(randomUUID(), name, payload);
        expect(actor).toBe((payload["sender"] as JsonObject | undefined)?.["login"] ?? null);
        expect(repository).toBe((payload["repository"] as JsonObject | undefined)?.["full_name"] ?? null);
      }
    }
  });

  it("never bring an e-mail address into a row", () => {
    for (const { name, examples } of corpus) {
      for (const payload of examples) {
        const { github_events: events = [], ...others } = project(randomUUID(), name, payload).rows;
        expect(JSON.stringify([events, others])).not.toMatch(/[\w.+-]+@[\w-]+\.\w+/);
      }
    }
  });
});

const SHARED = new URL("../../../../../shared/data/webhooks/github/", import.meta.url);
describe.skipIf(!existsSync(SHARED))(
  "payloads from elsewhere (../shared/data/webhooks, skipped without it)",
  () => {
    it.each(["create", "ping", "pull_request", "push", "release"])("of %s are stored too", async (name) => {
      const organizationId = await database.newOrganization();
      const payload = JSON.parse(readFileSync(new URL(`${name}.json`, SHARED), "utf8")) as JsonObject;
      const { rows } = project(organizationId, name, payload);
      await database.write(organizationId, rows);
      expect(await database.stored(organizationId, "github_events")).toHaveLength(1);
    });
  },
);
