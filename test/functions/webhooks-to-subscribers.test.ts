import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventsTopology } from "../../local/messaging.ts";
import { openPubSub, type PubSub } from "../../local/pubsub.ts";
import type { SourceKind } from "../../shared/event-source.ts";
import { createDatabases, type TestDatabases } from "../helpers/databases.ts";
import { storeSubscription } from "../helpers/deliveries.ts";
import { type Events, startEvents } from "../helpers/events.ts";
import { findFreePort } from "../helpers/ports.ts";
import { type Receiver, startReceiver } from "../helpers/receiver.ts";
import { until } from "../helpers/stored.ts";
import { asOwner } from "../helpers/tenant.ts";
import {
  deliver,
  signGithub,
  signLinear,
  signSlack,
  signVercel,
  startWebhooks,
  type TestSource,
  type Webhooks,
} from "../helpers/webhooks.ts";

/** What this file guards: the whole way, from a sender's request through both functions to a subscriber's address. */
const SECRET = "a secret of this test";
const SHARED = fileURLToPath(new URL("../../../shared/data/webhooks", import.meta.url));
const SIGNING_KEY = `whsec_${randomBytes(32).toString("base64")}`;

let databases: TestDatabases;
let pubsub: PubSub;
let events: Events;
let webhooks: Webhooks;
let receiver: Receiver;

beforeAll(async () => {
  databases = await createDatabases();
  const pubsubPort = await findFreePort();
  const env = { PUBSUB_EMULATOR_HOST: `127.0.0.1:${pubsubPort}`, SIGNING_KEY };
  events = await startEvents({ databases, env });
  webhooks = await startWebhooks({ databases, env, tenant: events.tenant });
  pubsub = await openPushing(pubsubPort);
  receiver = await startReceiver();
});

afterAll(async () => {
  await webhooks.close();
  await pubsub.close();
  await events.close();
  await receiver.close();
  await databases.close();
});

function openPushing(port: number): Promise<PubSub> {
  return openPubSub({ ...eventsTopology(`${events.url}/push`), port, log: () => {} });
}

/** Waits until nothing is due any more. */
async function untilDone(): Promise<void> {
  await until(() =>
    asOwner(databases.adminDatabaseUrl, async (sql) => {
      const { rows } = await sql.query<{ open: boolean }>(
        `select exists (select from events where next_attempt_at is not null)
           or exists (select from event_deliveries where next_attempt_at is not null) as open`,
      );
      return rows[0]?.open === false;
    }),
  );
}

/** How the events of a source ended, by type. */
async function endsOf({ id }: TestSource): Promise<Record<string, Record<string, number>>> {
  const { rows } = await asOwner(databases.adminDatabaseUrl, (sql) =>
    sql.query<{ event_type: string; end: string; count: number }>(
      `select event_type, concat_ws(' ', status, error_class) as end, count(*)::integer as count
       from events where source_id = $1 group by 1, 2`,
      [id],
    ),
  );
  const ends: Record<string, Record<string, number>> = {};
  for (const { event_type: type, end, count } of rows) (ends[type] ??= {})[end] = count;
  return ends;
}

function total(ends: Record<string, Record<string, number>>): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of Object.values(ends)) {
    for (const [end, count] of Object.entries(counts)) sums[end] = (sums[end] ?? 0) + count;
  }
  return sums;
}

function report(title: string, ends: Record<string, Record<string, number>>): void {
  const lines = Object.entries(ends)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, counts]) => {
      const told = Object.entries(counts).map(([end, count]) => `${count} ${end}`);
      return `  ${type.padEnd(45)} ${told.join(", ")}`;
    });
  process.stdout.write(`${title}\n${lines.join("\n")}\n`);
}

async function sendAll(
  source: TestSource,
  bodies: readonly { body: string; headers: Record<string, string> }[],
): Promise<void> {
  for (const { body, headers } of bodies) {
    expect((await deliver(source.url, body, headers)).status).toBe(200);
  }
}

describe("from sender to subscriber", () => {
  it("a delivery that comes a hundred times at once is one event, processed once and delivered once to each subscriber", async () => {
    const { organizationId } = events.tenant;
    await asOwner(databases.adminDatabaseUrl, async (sql) => {
      for (const path of ["one", "two"]) {
        await storeSubscription(sql, organizationId, {
          name: path,
          eventTypes: ["github.pull_request.*"],
          target: `${receiver.url}/${path}`,
          secrets: [{ reference: "env:SIGNING_KEY", not_after: null }],
        });
      }
    });
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const body = JSON.stringify({
      action: "opened",
      number: 1,
      pull_request: { id: 1 },
      nonce: randomUUID(),
    });
    const headers = signGithub(SECRET, body, { event: "pull_request" });

    const answers = await Promise.all(Array.from({ length: 100 }, () => deliver(source.url, body, headers)));
    await untilDone();

    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 200));
    expect(answers.filter(({ body: { outcome } }) => outcome === "accepted")).toHaveLength(1);
    expect(await endsOf(source)).toEqual({ "github.pull_request": { processed: 1 } });
    const tries = await asOwner(databases.adminDatabaseUrl, async (sql) => {
      const text = `select l.outcome from event_processing_logs l join events e on e.id = l.event_id where e.source_id = $1`;
      return (await sql.query(text, [source.id])).rows;
    });
    expect(tries).toEqual([{ outcome: "processed" }]);
    expect(receiver.requests.map(({ path }) => path).toSorted()).toEqual(["/hooks/one", "/hooks/two"]);
  });

  it("every example GitHub publishes goes in signed and comes out processed, but for equal copies", async () => {
    const examples = createRequire(import.meta.url)("@octokit/webhooks-examples") as {
      name: string;
      examples: unknown[];
    }[];
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const all = examples.flatMap(({ name, examples: payloads }) =>
      payloads.map((payload) => {
        const body = JSON.stringify(payload);
        return { body, headers: signGithub(SECRET, body, { event: name }) };
      }),
    );
    await sendAll(source, all);
    await untilDone();

    const ends = await endsOf(source);
    report("GitHub's examples, by type:", ends);
    const different = new Set(all.map(({ body }) => body)).size;
    expect(all.length).toBeGreaterThan(300);
    expect(Object.keys(ends)).toHaveLength(examples.length);
    expect(total(ends)).toEqual({ processed: different, "ignored suspected_replay": all.length - different });
  });

  it.skipIf(!existsSync(SHARED))(
    "samples of all senders go in signed and come out processed, but for equal copies (skipped without ../shared/data)",
    async () => {
      const sign: Partial<
        Record<SourceKind, (text: string) => { body: string; headers: Record<string, string> }>
      > = {
        github: (text) => {
          const { headers, body } = JSON.parse(text) as { headers: Record<string, string>; body: unknown };
          const sent = JSON.stringify(body);
          return {
            body: sent,
            headers: signGithub(SECRET, sent, { event: headers["x-github-event"] ?? "" }),
          };
        },
        slack: (body) => ({ body, headers: signSlack(SECRET, body) }),
        linear: (text) => {
          const sample = JSON.parse(text) as object;
          const body = JSON.stringify({ ...sample, webhookTimestamp: Date.now() });
          return { body, headers: signLinear(SECRET, body) };
        },
        vercel: (text) => {
          const payload: unknown = JSON.parse(text);
          const body = JSON.stringify({
            id: randomUUID(),
            type: "deployment.succeeded",
            createdAt: Date.now(),
            payload,
          });
          return { body, headers: signVercel(SECRET, body) };
        },
      };
      for (const kind of ["github", "slack", "linear", "vercel"] as const) {
        const source = await webhooks.createSource({ kind, secrets: [SECRET] });
        const texts = readdirSync(`${SHARED}/${kind}`).map((file) =>
          readFileSync(`${SHARED}/${kind}/${file}`, "utf8"),
        );
        await sendAll(
          source,
          texts.map((text) => sign[kind]?.(text) ?? { body: text, headers: {} }),
        );
        await untilDone();
        const ends = await endsOf(source);
        report(`Samples of ${kind}, by type:`, ends);
        const { processed, "ignored suspected_replay": copies = 0, ...others } = total(ends);
        expect({ kind, others, all: (processed ?? 0) + copies }).toEqual({
          kind,
          others: {},
          all: texts.length,
        });
        // Vercel's samples are sent under an id and time of their own each.
        expect(copies).toBe(kind === "vercel" ? 0 : texts.length - new Set(texts).size);
      }
    },
  );

  // The last one: for a while after it the function does not try to publish.
  it("what came while Pub/Sub was away is answered 200 and processed after a sweep", async () => {
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const port = Number(pubsub.host.split(":")[1]);
    await pubsub.close();
    const bodies = Array.from({ length: 20 }, () =>
      JSON.stringify({ action: "created", nonce: randomUUID() }),
    );
    await sendAll(
      source,
      bodies.map((body) => ({ body, headers: signGithub(SECRET, body, { event: "star" }) })),
    );
    expect(await endsOf(source)).toEqual({ "github.star": { pending: 20 } });

    pubsub = await openPushing(port);
    // The grace in which the first worker would have come.
    await asOwner(databases.adminDatabaseUrl, (sql) =>
      sql.query("update events set next_attempt_at = now() where next_attempt_at is not null"),
    );
    expect((await events.sweep()).status).toBe(200);
    await untilDone();
    expect(await endsOf(source)).toEqual({ "github.star": { processed: 20 } });
  });
});
