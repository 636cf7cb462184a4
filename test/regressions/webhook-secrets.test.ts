import { randomBytes } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createSource } from "../../client/sources/create-source.ts";
import { findConfigFaults } from "../../shared/event-source-config.ts";
import { insertSourceSecret } from "../../shared/postgres/event-sources.ts";
import { readSigningKey, STANDARD_SECRET } from "../../shared/signing-secret.ts";
import { createCommandLine } from "../client/command-line.ts";
import { createDatabases } from "../helpers/databases.ts";
import { until } from "../helpers/stored.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";
import { deliver, signGithub, signStandard, startWebhooks, type Webhooks } from "../helpers/webhooks.ts";

/** What this file guards: a secret works from when it is given until it is taken back, and one that cannot work is refused. */
const SECRET = "a secret of this test";
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function later<T extends { close: () => Promise<unknown> }>(resource: T): T {
  cleanUps.push(() => resource.close());
  return resource;
}

async function addSecret(webhooks: Webhooks, sourceId: string, secret: string): Promise<void> {
  const name = `ADDED_${randomBytes(8).toString("hex")}`;
  webhooks.env[name] = secret;
  await asOwner(webhooks.databases.adminDatabaseUrl, (sql) =>
    insertSourceSecret(sql, webhooks.tenant.organizationId, sourceId, `env:${name}`),
  );
}

describe("a secret", () => {
  it("that has just been added works at once, however much is forged meanwhile", async () => {
    let now = Date.now();
    const webhooks = later(await startWebhooks({ now: () => now }));
    const source = await webhooks.createSource({ kind: "github", secrets: ["old"] });
    for (let n = 0; n < 3; n += 1) {
      // The source has been looked up a moment ago, with the old secret alone.
      expect((await deliver(source.url, `{"old":${n}}`, signGithub("old", `{"old":${n}}`))).status).toBe(200);
      await addSecret(webhooks, source.id, `new ${n}`);
      now += 1;
      const body = `{"new":${n}}`;
      expect((await deliver(source.url, body, signGithub(`new ${n}`, body))).status).toBe(200);
    }
    const forged = Array.from({ length: 50 }, () => deliver(source.url, "{}", signGithub("forged", "{}")));
    await addSecret(webhooks, source.id, "newest");
    now += 1;
    expect((await deliver(source.url, `{"n":9}`, signGithub("newest", `{"n":9}`))).status).toBe(200);
    expect(new Set((await Promise.all(forged)).map(({ status }) => status))).toEqual(new Set([401]));
  });

  it("that is taken back where it is kept stops working", async () => {
    let now = Date.now();
    const webhooks = later(await startWebhooks({ now: () => now }));
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    expect((await deliver(source.url, `{"n":1}`, signGithub(SECRET, `{"n":1}`))).status).toBe(200);
    delete webhooks.env[source.secretNames[0] ?? ""];
    now += 6 * 60_000;
    expect((await deliver(source.url, `{"n":2}`, signGithub(SECRET, `{"n":2}`))).status).toBe(503);
  });

  it("that can verify nothing is named in the log, once in a while and without its value", async () => {
    const webhooks = later(await startWebhooks());
    const secret = `whsec_${"_-".repeat(20)}`;
    const source = await webhooks.createSource({ kind: "standard", secrets: [secret] });
    const good = `whsec_${randomBytes(24).toString("base64")}`;
    for (let n = 0; n < 3; n += 1) {
      expect((await deliver(source.url, "{}", signStandard(good, "{}"))).status).toBe(503);
    }
    const said = "a secret is not of the form this source needs";
    await until(() => webhooks.logLines.join("").includes(said));
    const lines = webhooks.logLines.join("").split("\n");
    const named = lines.filter((line) => line.includes(said));
    expect(named).toHaveLength(1);
    expect(named[0]).toContain(`env:${source.secretNames[0]}`);
    expect(named[0]).toContain(`"ERROR"`);
    expect(lines.join("")).not.toContain(secret.slice(6));
  });

  it("that could verify nothing is refused when a source is made", async () => {
    const raw = randomBytes(32);
    const bad = [
      `whsec_${"_-".repeat(20)}`,
      "whsec_abcde",
      "whsec_",
      "whsec_YWJjZGVmZ2=",
      `whpk_${raw.subarray(1).toString("base64")}`,
      `whpk_${raw.toString("base64url")}`,
    ];
    const good = [
      `whsec_${raw.toString("base64")}`,
      raw.toString("base64"),
      `whpk_${raw.toString("base64")}`,
    ];
    for (const secret of good) expect(readSigningKey(STANDARD_SECRET, secret)).not.toBeNull();
    const databases = later(await createDatabases());
    const { adminDatabaseUrl } = databases;
    const { organizationId } = await createTenant(adminDatabaseUrl);
    const local = createCommandLine({ local: { adminDatabaseUrl, organizationId } });
    cleanUps.push(async () => local.remove());
    const create = async (kind: string, secret: string, config: string[] = []) => {
      const argv = ["sources", "create", "--kind", kind, "--name", randomBytes(8).toString("hex"), ...config];
      return await local.run([...argv, "--secret-stdin"], { stdin: secret });
    };
    for (const secret of bad) {
      const { code, err } = await create("standard", secret);
      expect([secret, code]).toEqual([secret, 2]);
      expect(err).toContain("plain base64");
      expect(err).not.toContain(secret === "whsec_" ? "\0" : secret.slice(6));
    }
    for (const secret of good) expect((await create("standard", secret)).code).toBe(0);
    const base64 = ["--config", `{"header":"x-signature","secret":{"encoding":"base64"}}`];
    expect((await create("signed", "_-_-", base64)).code).toBe(2);
    expect((await create("signed", raw.toString("base64"), base64)).code).toBe(0);
  });
});

describe("a source", () => {
  it("made twice at once under one name is made once, and the other is told so", async () => {
    const databases = later(await createDatabases());
    const { organizationId } = await createTenant(databases.adminDatabaseUrl);
    const wanted = { kind: "github", name: "one", config: {}, secret: null, webhooksUrl: null } as const;
    const ends = await asOwner(databases.adminDatabaseUrl, async (first) => {
      await first.query("begin");
      await createSource(first, organizationId, wanted);
      const second = asOwner(databases.adminDatabaseUrl, (sql) =>
        createSource(sql, organizationId, wanted),
      ).then(
        () => "made",
        (error: Error) => error.message,
      );
      // It waits for the first to end.
      await until(async () => {
        const text =
          "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        return (await asOwner(databases.adminDatabaseUrl, (sql) => sql.query(text))).rowCount === 1;
      });
      await first.query("commit");
      return second;
    });
    expect(ends).toBe(`there is a source "one" already`);
  });

  it("of kind signed is refused where one item cannot hold both signature and time", () => {
    const config = {
      header: "x-signature",
      template: "{timestamp}.{body}",
      field: "v1",
      field_separator: "=",
      timestamp: { field: "t" },
    };
    expect(findConfigFaults("signed", config).join()).toContain("item_separator");
    expect(findConfigFaults("signed", { ...config, item_separator: "," })).toEqual([]);
  });

  it("of GitHub may say which events hold neither an id nor a time, so that the same again is no replay", async () => {
    const webhooks = later(await startWebhooks());
    const config = { repeatable_events: ["repository_dispatch"] };
    expect(findConfigFaults("github", config)).toEqual([]);
    expect(findConfigFaults("github", { repeatable_events: ["No event"] })).not.toEqual([]);
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET], config });
    const usual = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const send = async (url: string, event: string, delivery?: string) => {
      const headers = signGithub(SECRET, "{}", delivery === undefined ? { event } : { event, delivery });
      return (await deliver(url, "{}", headers)).body.outcome;
    };
    expect(await send(source.url, "repository_dispatch", "first")).toBe("accepted");
    expect(await send(source.url, "repository_dispatch")).toBe("accepted");
    // The same delivery is the same event all the same.
    expect(await send(source.url, "repository_dispatch", "first")).toBe("duplicate");
    expect(await send(source.url, "push")).toBe("accepted");
    expect(await send(source.url, "push")).toBe("ignored");
    expect(await send(usual.url, "repository_dispatch")).toBe("accepted");
    expect(await send(usual.url, "repository_dispatch")).toBe("ignored");
  });
});

describe("a database that no longer answers", () => {
  it("has the sender told to come again before it gives up", async () => {
    const databases = later(await createDatabases());
    const { hostname, port } = new URL(databases.databaseUrl);
    let isHanging = false;
    const sockets = new Set<Socket>();
    const proxy = createServer((near) => {
      const far = connect(Number(port), hostname);
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.on("error", () => near.destroy());
      }
      near.on("data", (chunk) => {
        if (!isHanging) far.write(chunk);
      });
      far.pipe(near);
      near.on("close", () => far.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const address = proxy.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    cleanUps.push(async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    });
    const databaseUrl = new URL(databases.databaseUrl);
    databaseUrl.host = `127.0.0.1:${address.port}`;
    const webhooks = later(
      await startWebhooks({ databases: { ...databases, databaseUrl: databaseUrl.href } }),
    );
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    expect((await deliver(source.url, `{"n":1}`, signGithub(SECRET, `{"n":1}`))).status).toBe(200);
    isHanging = true;
    // GitHub's own limit.
    const answer = await fetch(source.url, {
      method: "POST",
      headers: signGithub(SECRET, `{"n":2}`),
      body: `{"n":2}`,
      signal: AbortSignal.timeout(10_000),
    });
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  });
});
