import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Events,
  type EventToInsert,
  insertEvents,
  listEvents,
  startEvents,
} from "../../helpers/events.ts";
import { asOwner } from "../../helpers/tenant.ts";

/** What this file guards: every payload we could find goes through the whole pipeline, in batches, without a dead letter. */
const require = createRequire(import.meta.url);
const OTHERS = fileURLToPath(new URL("../../../../shared/data/webhooks", import.meta.url));

let events: Events;
beforeAll(async () => {
  events = await startEvents();
});
afterAll(() => events.close());

/** Processes all and answers how many ended how, and how many rows the table of their source has. */
async function processAll(list: readonly EventToInsert[], table: string) {
  const { adminDatabaseUrl } = events.databases;
  const keys = await insertEvents(adminDatabaseUrl, events.tenant.organizationId, list);
  await events.processAll();
  const ids = new Set(keys.map(({ id }) => id));
  const ends: Record<string, number> = {};
  for (const event of await listEvents(adminDatabaseUrl)) {
    if (!ids.has(event.id)) continue;
    const end =
      `${event.status} ${event.error_class ?? ""}${event.is_known_type === true ? "" : "unknown"}`.trim();
    ends[end] = (ends[end] ?? 0) + 1;
  }
  const rows = await asOwner(adminDatabaseUrl, (sql) =>
    sql.query(`select event_id from ${table} where event_id = any ($1)`, [[...ids]]),
  );
  return { ends, rows: rows.rows.length };
}

function readFolder(name: string): Record<string, unknown>[] {
  const folder = join(OTHERS, name);
  return readdirSync(folder)
    .toSorted()
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Record<string, unknown>);
}

describe("the pipeline", () => {
  it("processes every example GitHub publishes", async () => {
    const corpus = JSON.parse(
      readFileSync(require.resolve("@octokit/webhooks-examples/api.github.com/index.json"), "utf8"),
    ) as { name: string; examples: Record<string, unknown>[] }[];
    const list = corpus.flatMap(({ name, examples }) =>
      examples.map((body): EventToInsert => {
        const action = typeof body["action"] === "string" ? body["action"] : null;
        return {
          source: "github",
          eventType: `github.${name}`,
          action,
          body,
          headers: { "x-github-event": name },
        };
      }),
    );
    expect(list.length).toBeGreaterThan(300);

    expect(await processAll(list, "github_events")).toEqual({
      ends: { processed: list.length },
      rows: list.length,
    });
  });

  it.skipIf(!existsSync(OTHERS))(
    "processes what Vercel sends (skipped without ../shared/data/webhooks)",
    async () => {
      const types = [
        "deployment.canceled",
        "deployment.created",
        "deployment.error",
        "deployment.succeeded",
        "project.created",
        "project.removed",
      ];
      const list = readFolder("vercel").map((payload, index): EventToInsert => {
        const type = types[index] ?? "";
        return {
          source: "vercel",
          eventType: `vercel.${type}`,
          body: { id: `e${index}`, type, createdAt: 1_790_000_000_000, payload },
        };
      });

      expect(await processAll(list, "deployment_events")).toEqual({ ends: { processed: 6 }, rows: 4 });
    },
  );

  it.skipIf(!existsSync(OTHERS))(
    "processes what Cloud Build publishes (skipped without ../shared/data/webhooks)",
    async () => {
      const builds = readFolder("cloud-build").filter((body) => "projectId" in body || "steps" in body);
      const list = builds.map((build, index): EventToInsert => {
        const data = Buffer.from(
          JSON.stringify({ id: `build-${index}`, status: "SUCCESS", ...build }),
        ).toString("base64");
        const attributes = { buildId: `build-${index}`, status: "SUCCESS" };
        return {
          source: "cloud-build",
          eventType: "cloud-build.success",
          body: { message: { attributes, data, messageId: "1" } },
        };
      });
      expect(list).not.toEqual([]);

      expect(await processAll(list, "deployment_events")).toEqual({
        ends: { processed: list.length },
        rows: list.length,
      });
    },
  );
});
