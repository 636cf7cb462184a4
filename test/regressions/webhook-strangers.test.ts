import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { inflatedBytesMax } from "../../functions/webhooks/limits.ts";
import { until } from "../helpers/stored.ts";
import { deliver, signGithub, signSlack, startWebhooks, type Webhooks } from "../helpers/webhooks.ts";
import { listRejections } from "../functions/webhooks/stored-events.ts";

/** What this file guards: nothing a stranger sends silences a source or uses up what is its sender's. */
const SECRET = "a secret of this test";
const MIB = 1024 * 1024;
let webhooks: Webhooks;
/** The function's clock, which stands still. */
let now = Date.now();

async function start(env: Record<string, string> = {}): Promise<void> {
  now = Date.now();
  webhooks = await startWebhooks({ env, now: () => now });
}
afterEach(() => webhooks.close());

const unknownAddress = (): string => `${webhooks.url}/github/${randomBytes(18).toString("base64url")}`;

describe("a stranger", () => {
  it("at unknown addresses does not keep a source's rejections from being written down", async () => {
    await start();
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    for (let n = 0; n < 60; n += 1) await deliver(unknownAddress(), "{}", {});
    expect((await deliver(source.url, "{}", {})).status).toBe(401);
    await until(async () => {
      const rejections = await listRejections(webhooks.databases.adminDatabaseUrl);
      return rejections.some(({ source_id: id }) => id === source.id);
    });
    await webhooks.context.rejected.close();
    const rejections = await listRejections(webhooks.databases.adminDatabaseUrl);
    expect(rejections.filter(({ reason }) => reason === "unknown_endpoint")).toHaveLength(10);
  });

  it("who signs nothing uses up nothing of what a sender may send in a second", async () => {
    await start({ NETRA_REQUESTS_PER_SECOND: "1" });
    const source = await webhooks.createSource({ kind: "slack", secrets: [SECRET] });
    for (let n = 0; n < 4; n += 1) {
      expect((await deliver(source.url, "{}", {})).status).toBe(401);
      expect((await deliver(source.url, "{}", signSlack("forged", "{}"))).status).toBe(401);
    }
    expect((await deliver(source.url, "{}", signSlack(SECRET, "{}"))).status).toBe(200);
    expect((await deliver(source.url, "{}", signSlack(SECRET, "{}"))).status).toBe(200);
    expect((await deliver(source.url, "{}", signSlack(SECRET, "{}"))).status).toBe(429);
  });

  it("who makes up addresses is answered without the database after a while, and a real one is never 404", async () => {
    await start();
    const [known, fresh] = [
      await webhooks.createSource({ kind: "github", secrets: [SECRET] }),
      await webhooks.createSource({ kind: "github", secrets: [SECRET] }),
    ];
    expect((await deliver(known.url, `{"n":1}`, signGithub(SECRET, `{"n":1}`))).status).toBe(200);
    const statuses: number[] = [];
    for (let n = 0; n < 120; n += 1) statuses.push((await deliver(unknownAddress(), "{}", {})).status);
    expect(new Set(statuses.slice(0, 90))).toEqual(new Set([404]));
    expect(new Set(statuses.slice(-20))).toEqual(new Set([503]));
    // One that is known goes on also when it has to be looked up again.
    now += 6_000;
    for (let n = 0; n < 120; n += 1) await deliver(unknownAddress(), "{}", {});
    expect((await deliver(known.url, `{"n":2}`, signGithub(SECRET, `{"n":2}`))).status).toBe(200);
    const first = await deliver(fresh.url, `{"n":3}`, signGithub(SECRET, `{"n":3}`));
    expect(first.status).toBe(503);
    expect(Number(first.headers.get("retry-after"))).toBeGreaterThan(0);
    now += 1_000;
    expect((await deliver(fresh.url, `{"n":3}`, signGithub(SECRET, `{"n":3}`))).status).toBe(200);
  });

  it("cannot tell an address of another kind from one that does not exist", async () => {
    await start();
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const wrong = await deliver(source.url.replace("/github/", "/slack/"), "{}", {});
    const unknown = await deliver(unknownAddress(), "{}", {});
    expect([wrong.status, wrong.body.detail]).toEqual([unknown.status, unknown.body.detail]);
  });

  it("has a small gzip body inflated only so far", async () => {
    await start();
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    expect(inflatedBytesMax("github", 25_000)).toBe(MIB);
    expect(inflatedBytesMax("github", MIB)).toBe(20 * MIB);
    expect(inflatedBytesMax("github", 2 * MIB)).toBe(25 * MIB);
    expect(inflatedBytesMax("slack", MIB)).toBe(MIB);
    const gzip = { "content-encoding": "gzip" };
    // 1 MiB at most, for it came as a few hundred bytes: even the right signature over more is none.
    const bomb = Buffer.from(`{"a":"${" ".repeat(2 * MIB)}"}`);
    const refused = await deliver(source.url, gzipSync(bomb), { ...signGithub(SECRET, bomb), ...gzip });
    expect(refused.status).toBe(401);
    const usual = Buffer.from(`{"a":"${randomBytes(MIB).toString("hex")}"}`);
    const taken = await deliver(source.url, gzipSync(usual), { ...signGithub(SECRET, usual), ...gzip });
    expect(taken.status).toBe(200);
  });
});
