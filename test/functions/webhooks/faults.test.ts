import { afterEach, describe, expect, it } from "vitest";
import { startOwnPostgres } from "../../helpers/embedded-servers.ts";
import { createDatabases } from "../../helpers/databases.ts";
import { startFunctionProcess } from "../../helpers/function-process.ts";
import { until } from "../../helpers/stored.ts";
import { asOwner, createTenant } from "../../helpers/tenant.ts";
import {
  createSource,
  deliver,
  signGithub,
  startPubSubStub,
  startWebhooks,
  type TestSource,
  type Webhooks,
} from "../../helpers/webhooks.ts";
import { listEvents } from "./stored-events.ts";

/** What this file guards: an acknowledged event is in the ledger and due, whatever fails or dies after that. */
const SECRET = "a secret of this test";
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function later<T extends { close: () => Promise<unknown> }>(resource: T): T {
  cleanUps.push(() => resource.close());
  return resource;
}

async function start(
  options: Parameters<typeof startWebhooks>[0] = {},
): Promise<{ webhooks: Webhooks; source: TestSource }> {
  const webhooks = later(await startWebhooks(options));
  return { webhooks, source: await webhooks.createSource({ kind: "github", secrets: [SECRET] }) };
}

const send = (source: TestSource, body: string, options?: Parameters<typeof signGithub>[2]) =>
  deliver(source.url, body, signGithub(SECRET, body, options));

const change = (webhooks: Webhooks, text: string, values: unknown[] = []) =>
  asOwner(webhooks.databases.adminDatabaseUrl, (sql) => sql.query({ text, values }));

const told = (webhooks: Webhooks, id: string | undefined) =>
  webhooks.nudges.filter((nudge) => nudge.id === id).length;

describe("without PostgreSQL", () => {
  it("nothing is acknowledged, and all works again when it is back", async () => {
    const postgres = later(await startOwnPostgres());
    const { webhooks, source } = await start({ databases: postgres });
    expect((await send(source, `{"n":1}`)).status).toBe(200);
    await postgres.stop();
    const away = await send(source, `{"n":2}`, { delivery: "again" });
    expect(away.status).toBe(503);
    expect(Number(away.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(away.text).not.toMatch(/ECONNREFUSED|postgres/i);
    await postgres.start();
    await until(async () => (await send(source, `{"n":2}`, { delivery: "again" })).status === 200);
    expect(await listEvents(webhooks.databases.adminDatabaseUrl, "true")).toHaveLength(2);
  });
});

describe("without Pub/Sub", () => {
  it("events are acknowledged, stay due, and it is said once", async () => {
    const pubsub = later(await startPubSubStub(503));
    const { webhooks, source } = await start({ env: { PUBSUB_EMULATOR_HOST: pubsub.host } });
    for (let n = 0; n < 10; n += 1) expect((await send(source, `{"n":${n}}`)).status).toBe(200);
    const events = await listEvents(webhooks.databases.adminDatabaseUrl, "true");
    expect(events.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => "pending"));
    for (const { received_at: at, next_attempt_at: due } of events) {
      expect(Number(due) - Number(at)).toBe(30_000);
    }
    // Three failures open the breaker; after that nobody waits for what does not answer.
    expect(pubsub.requests()).toBe(3);
    await until(() => webhooks.logLines.join("").includes("Pub/Sub does not take messages"));
    expect(webhooks.logLines.join("").split("Pub/Sub does not take messages")).toHaveLength(2);
  });

  it("that answers at all, the sender gets its answer all the same", async () => {
    const pubsub = later(await startPubSubStub(null));
    const { source } = await start({
      env: { PUBSUB_EMULATOR_HOST: pubsub.host, NETRA_PUBLISH_WAIT_MS: "20" },
    });
    const answers = await Promise.all([1, 2, 3].map((n) => send(source, `{"n":${n}}`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it("an event is told of when its sender sends it again", async () => {
    const pubsub = later(await startPubSubStub(503));
    const { webhooks, source } = await start({ env: { PUBSUB_EMULATOR_HOST: pubsub.host } });
    const first = await send(source, `{"n":1}`, { delivery: "one" });
    const before = pubsub.requests();
    const second = await send(source, `{"n":1}`, { delivery: "one" });
    expect(second.body).toEqual({ event: first.body.event, outcome: "duplicate" });
    expect(pubsub.requests()).toBe(before + 1);
    expect(await listEvents(webhooks.databases.adminDatabaseUrl, "true")).toHaveLength(1);
  });
});

describe("a process killed between the insert and the message", () => {
  it("leaves the event due, and its repeat is a repeat", async () => {
    const databases = later(await createDatabases());
    const tenant = await createTenant(databases.adminDatabaseUrl);
    const pubsub = later(await startPubSubStub(null));
    const env: Record<string, string> = {
      DATABASE_URL: databases.databaseUrl,
      PUBSUB_EMULATOR_HOST: pubsub.host,
      NETRA_PUBLISH_WAIT_MS: "10000",
    };
    const place = { adminDatabaseUrl: databases.adminDatabaseUrl, url: "", env, tenant };
    const source = await createSource(place, { kind: "github", secrets: [SECRET] });
    const killed = await startFunctionProcess("webhooks", env);
    cleanUps.push(() => killed.end("SIGKILL"));
    const headers = signGithub(SECRET, `{"n":1}`);
    const unanswered = deliver(`${killed.url}${source.url}`, `{"n":1}`, headers).then(
      () => "answered",
      () => "cut off",
    );
    await until(() => pubsub.requests() > 0);
    await killed.end("SIGKILL");
    expect(await unanswered).toBe("cut off");
    const events = await listEvents(databases.adminDatabaseUrl, "true");
    expect(events).toMatchObject([{ status: "pending", attempts: 0 }]);
    expect(events[0]?.next_attempt_at).not.toBeNull();

    const { url, nudges } = later(await startWebhooks({ databases, env: copySecrets(env), tenant }));
    const again = await deliver(`${url}${source.url}`, `{"n":1}`, headers);
    expect(again.body).toEqual({ event: events[0]?.id, outcome: "duplicate" });
    expect(nudges.map(({ id }) => id)).toEqual([events[0]?.id]);
  });
});

function copySecrets(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith("TEST_SECRET_")));
}

describe("a delivery sent again", () => {
  it("resumes an event that was given up or is past due, and leaves one that has ended or waits its turn", async () => {
    const { webhooks, source } = await start();
    const cases = [
      ["dead_letter", "null", true, "pending"],
      ["failed", "now() - interval '1 second'", true, "pending"],
      ["failed", "now() + interval '1 hour'", false, "failed"],
      ["processing", "now() - interval '1 second'", true, "processing"],
      ["processing", "now() + interval '1 minute'", false, "processing"],
      ["processed", "null", false, "processed"],
    ] as const;
    for (const [index, [status, due, isTold, then]] of cases.entries()) {
      const body = `{"case":${index}}`;
      const { event: id } = (await send(source, body, { delivery: `case ${index}` })).body;
      await change(
        webhooks,
        `update events set status = $2, next_attempt_at = ${due}, attempts = 8 where id = $1`,
        [id, status],
      );
      // A worker that is gone is another matter than a message that has just left.
      if (status === "processing") webhooks.context.nudges.withdraw(id ?? "");
      const again = await send(source, body, { delivery: `case ${index}` });
      expect(again.body).toEqual({ event: id, outcome: "duplicate" });
      expect(told(webhooks, id)).toBe(isTold ? 2 : 1);
      const [event] = await listEvents(webhooks.databases.adminDatabaseUrl, "id = $1", [id]);
      expect(event?.status).toBe(then);
      expect(event?.attempts).toBe(then === "pending" ? 0 : 8);
    }
  });

  it("is a repeat even when nothing but its key is left", async () => {
    const { webhooks, source } = await start();
    const first = await send(source, "{}", { delivery: "old" });
    await change(webhooks, "delete from events where id = $1", [first.body.event]);
    const again = await send(source, "{}", { delivery: "old" });
    expect(again).toMatchObject({ status: 200, body: { event: first.body.event, outcome: "duplicate" } });
    expect(told(webhooks, first.body.event)).toBe(1);
  });
});

describe("two instances", () => {
  it("that get the same deliveries at once store each once, and none fails", async () => {
    const { webhooks, source } = await start();
    const second = later(
      await startWebhooks({
        databases: webhooks.databases,
        env: copySecrets(webhooks.env),
        tenant: webhooks.tenant,
      }),
    );
    const bodies = Array.from({ length: 40 }, (_, n) => `{"n":${n}}`);
    // The second half of the senders gives other GUIDs to the same bodies, in the other order.
    const answers = await Promise.all(
      [webhooks.url, second.url, webhooks.url, second.url].flatMap((url, round) =>
        (round % 2 === 0 ? bodies : bodies.toReversed()).map((body) =>
          deliver(
            `${url}/github/${source.endpointId}`,
            body,
            signGithub(SECRET, body, { delivery: `${round < 2 ? "a" : "b"} ${body}` }),
          ),
        ),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const events = await listEvents(webhooks.databases.adminDatabaseUrl, "true");
    expect(events).toHaveLength(80);
    expect(events.filter(({ status }) => status === "pending")).toHaveLength(40);
    expect(events.filter(({ error_class: error }) => error === "suspected_replay")).toHaveLength(40);
    const accepted = answers.filter(({ body }) => body.outcome === "accepted");
    expect(accepted).toHaveLength(40);
  });
});

describe("the ledger", () => {
  it("gets the partition of the month it lacks, also when it goes away while the function runs", async () => {
    const { webhooks, source } = await start();
    const month = async () => {
      const text =
        "select inhrelid::regclass::text as name from pg_inherits where inhparent = 'events'::regclass";
      return (await change(webhooks, text)).rows.map((row) => (row as { name: string }).name);
    };
    for (const name of await month()) await change(webhooks, `drop table ${name}`);
    expect((await send(source, `{"n":1}`)).status).toBe(200);
    for (const name of await month()) await change(webhooks, `drop table ${name}`);
    expect((await send(source, `{"n":2}`)).status).toBe(200);
    expect(await month()).toHaveLength(1);
  });

  it("that refuses one event takes the others that came with it", async () => {
    const { webhooks, source } = await start();
    await change(webhooks, "alter table events add constraint no_evil check (event_type <> 'github.evil')");
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        send(source, `{"n":${n}}`, { event: n % 10 === 3 ? "evil" : "good" }),
      ),
    );
    const refused = answers.filter(({ status }) => status === 400);
    expect(refused).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(27);
    expect(await listEvents(webhooks.databases.adminDatabaseUrl, "true")).toHaveLength(27);
  });
});
