import { createHash, randomUUID } from "node:crypto";
import { request as httpRequest } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { asOwner, createTenant } from "../../helpers/tenant.ts";
import { until } from "../../helpers/stored.ts";
import {
  deliver,
  signGithub,
  signSlack,
  signStandard,
  startWebhooks,
  type Webhooks,
} from "../../helpers/webhooks.ts";
import { listEvents, listRejections } from "./stored-events.ts";

const SECRET = "a secret of this test";
const WHSEC = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const MIB = 1024 * 1024;

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** Milliseconds by which the function's clock is ahead. */
let ahead = 0;

async function start(env: Record<string, string> = {}): Promise<Webhooks> {
  ahead = 0;
  const webhooks = await startWebhooks({ env, now: () => Date.now() + ahead });
  cleanUps.push(() => webhooks.close());
  return webhooks;
}

const change = (webhooks: Webhooks, text: string, values: unknown[] = []) =>
  asOwner(webhooks.databases.adminDatabaseUrl, (sql) => sql.query({ text, values }));

const stored = (webhooks: Webhooks, eventId: string | undefined) =>
  listEvents(webhooks.databases.adminDatabaseUrl, "id = $1", [eventId]);

/** JSON of exactly this many bytes. */
function jsonOf(bytes: number): Buffer {
  const body = Buffer.alloc(bytes, " ");
  body.write("{");
  body.write("}", bytes - 1);
  return body;
}

describe("an address", () => {
  it("that is unknown is 404, of another kind 404, switched off 410, and takes nothing but POST", async () => {
    const webhooks = await start();
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const headers = signGithub(SECRET, "{}");
    const at = (path: string) => deliver(`${webhooks.url}${path}`, "{}", headers);
    expect((await at("/github/AAAAAAAAAAAAAAAAAAAAAAAA")).status).toBe(404);
    expect((await at(`/slack/${source.endpointId}`)).status).toBe(404);
    expect((await at(`/none/${source.endpointId}`)).status).toBe(404);
    expect((await at(`/github/${source.endpointId}/more`)).status).toBe(404);
    expect((await at("/github/'or 1=1")).status).toBe(404);
    const get = await fetch(source.url);
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST"]);

    const off = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    await change(webhooks, "update event_sources set status = 'disabled' where id = $1", [off.id]);
    expect((await deliver(off.url, "{}", headers)).status).toBe(410);
    await change(webhooks, "update event_sources set status = 'active' where id = $1", [off.id]);
    ahead = 1_100;
    expect((await deliver(off.url, "[]", signGithub(SECRET, "[]"))).status).toBe(400);
    expect(await listEvents(webhooks.databases.adminDatabaseUrl, "true")).toEqual([]);
  });

  it("takes so many requests a second and then says when to come again, but GitHub's always", async () => {
    const webhooks = await start({ NETRA_REQUESTS_PER_SECOND: "1" });
    const slack = await webhooks.createSource({ kind: "slack", secrets: [SECRET] });
    const github = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const slackAnswers = await Promise.all(
      Array.from({ length: 10 }, () => deliver(slack.url, "{}", signSlack(SECRET, "{}"))),
    );
    const limited = slackAnswers.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThan(0);
    expect(limited.every(({ headers }) => Number(headers.get("retry-after")) > 0)).toBe(true);
    const githubAnswers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        deliver(github.url, `{"n":${n}}`, signGithub(SECRET, `{"n":${n}}`)),
      ),
    );
    expect(githubAnswers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
  });

  it("stores for its own organization only", async () => {
    const webhooks = await start();
    const other = await createTenant(webhooks.databases.adminDatabaseUrl);
    const mine = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const theirs = await webhooks.createSource({ kind: "github", secrets: ["theirs"], tenant: other });
    const headers = signGithub(SECRET, "{}");
    expect((await deliver(theirs.url, "{}", headers)).status).toBe(401);
    const same = { delivery: randomUUID() };
    const answers = await Promise.all([
      deliver(mine.url, "{}", signGithub(SECRET, "{}", same)),
      deliver(theirs.url, "{}", signGithub("theirs", "{}", same)),
    ]);
    const organizations = [webhooks.tenant.organizationId, other.organizationId];
    for (const [index, { body }] of answers.entries()) {
      expect(body.outcome).toBe("accepted");
      expect(await stored(webhooks, body.event)).toMatchObject([{ organization_id: organizations[index] }]);
    }
  });
});

describe("a body", () => {
  it("of GitHub is taken up to 25 MiB and refused with one byte more; of others up to 1 MiB", async () => {
    const webhooks = await start();
    const github = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const slack = await webhooks.createSource({ kind: "slack", secrets: [SECRET] });
    const largest = jsonOf(25 * MIB);
    const taken = await deliver(github.url, largest as never, signGithub(SECRET, largest));
    expect(taken.body.outcome).toBe("accepted");
    const sizes = await change(webhooks, "select octet_length(body) as bytes from events where id = $1", [
      taken.body.event,
    ]);
    expect(sizes.rows).toEqual([{ bytes: 25 * MIB }]);
    const larger = jsonOf(25 * MIB + 1);
    expect((await deliver(github.url, larger as never, signGithub(SECRET, larger))).status).toBe(413);
    const small = jsonOf(MIB);
    expect((await deliver(slack.url, small as never, signSlack(SECRET, small))).status).toBe(200);
    await until(async () => {
      const rejections = await listRejections(webhooks.databases.adminDatabaseUrl);
      return rejections.some(({ reason, source_id: id }) => reason === "too_large" && id === github.id);
    });
    const over = jsonOf(MIB + 1);
    expect((await deliver(slack.url, over as never, signSlack(SECRET, over))).status).toBe(413);
  });

  it("that is large and unproved waits for room: several at once are told to come again", async () => {
    const webhooks = await start();
    const github = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    // Each sends 20 of the 25 MiB it announces and holds back the rest, so that all are there at once.
    const length = 25 * MIB;
    const sent = 20 * MIB;
    const requests = Array.from({ length: 6 }, () => {
      const headers = { ...signGithub("a stranger's", "x"), "content-length": length };
      const request = httpRequest(github.url, { method: "POST", headers });
      const status = new Promise<number>((resolve, reject) => {
        request.on("response", (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
        request.on("error", reject);
      });
      request.write(Buffer.alloc(sent, " "));
      return { request, status };
    });
    const crowdedOut = requests.map(({ status }) => status);
    expect(
      await Promise.any(
        crowdedOut.map(async (status) => ((await status) === 503 ? 503 : Promise.reject(new Error("no")))),
      ),
    ).toBe(503);
    for (const { request } of requests) request.end(Buffer.alloc(length - sent, " "));
    const statuses = await Promise.all(crowdedOut);
    // Half of 96 MiB holds one whole body or, where one is gone before the others have ended, up to three; what was held is
    // refused because it was signed by nobody who may.
    expect(statuses.every((status) => status === 401 || status === 503)).toBe(true);
    expect(statuses.filter((status) => status === 503).length).toBeOneOf([3, 4, 5]);
    // All room is free again.
    const alone = await deliver(github.url, Buffer.alloc(length, " "), signGithub("a stranger's", "x"));
    expect(alone.status).toBe(401);
    await until(async () => {
      const rejections = await listRejections(webhooks.databases.adminDatabaseUrl);
      return rejections.some(({ reason, source_id: id }) => reason === "crowded_out" && id === github.id);
    });
  });

  it("sent in chunks or as gzip is verified as it came, and else as it was before", async () => {
    const webhooks = await start();
    const github = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const standard = await webhooks.createSource({ kind: "standard", secrets: [WHSEC] });
    const gzip = { "content-encoding": "gzip" };

    const body = Buffer.from(`{"action":"zipped"}`);
    const inflated = await deliver(github.url, gzipSync(body), {
      ...signGithub(SECRET, body),
      ...gzip,
    });
    const [event] = await stored(webhooks, inflated.body.event);
    expect(event?.body.equals(body)).toBe(true);

    const zipped = gzipSync(`{"type":"signed as gzip"}`);
    const asReceived = await deliver(standard.url, zipped, {
      ...signStandard(WHSEC, zipped),
      ...gzip,
    });
    expect((await stored(webhooks, asReceived.body.event))[0]?.body.equals(zipped)).toBe(true);

    // Neither a bomb nor what is no gzip at all is more than a wrong signature.
    const bomb = gzipSync(Buffer.alloc(2 * MIB));
    expect(
      (await deliver(standard.url, bomb as never, { ...signStandard(WHSEC, Buffer.alloc(2 * MIB)), ...gzip }))
        .status,
    ).toBe(401);
    expect((await deliver(github.url, "no gzip", { ...signGithub(SECRET, "x"), ...gzip })).status).toBe(401);

    const chunked = `{"action":"in chunks"}`;
    const response = await fetch(github.url, {
      method: "POST",
      headers: signGithub(SECRET, chunked),
      body: new Blob([chunked]).stream(),
      duplex: "half",
    });
    expect(response.status).toBe(200);
  });

  it("that is not signed is refused before anything reads it", async () => {
    const webhooks = await start();
    const github = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const deep = "[".repeat(500_000);
    expect((await deliver(github.url, deep, signGithub("wrong", deep))).status).toBe(401);
    expect((await deliver(github.url, deep, { "content-type": "application/json" })).status).toBe(401);
    // Once proved, it is read, and is no JSON.
    expect((await deliver(github.url, deep, signGithub(SECRET, deep))).status).toBe(400);
  });
});

describe("secrets", () => {
  it("may be several, and the one that matched is stored and marked", async () => {
    const webhooks = await start();
    const source = await webhooks.createSource({ kind: "github", secrets: ["older", "newer"] });
    const list = async () => {
      const text = "select id, reference, last_matched_at from event_source_secrets where source_id = $1";
      return (await change(webhooks, text, [source.id])).rows as {
        id: string;
        reference: string;
        last_matched_at: Date | null;
      }[];
    };
    const ids = new Map((await list()).map(({ id, reference }) => [reference, id]));
    for (const [index, secret] of ["older", "newer"].entries()) {
      const answer = await deliver(source.url, `{"n":${index}}`, signGithub(secret, `{"n":${index}}`));
      const matched = ids.get(`env:${source.secretNames[index]}`);
      expect(await stored(webhooks, answer.body.event)).toMatchObject([{ matched_secret_id: matched }]);
      await until(async () => (await list()).find(({ id }) => id === matched)?.last_matched_at !== null);
    }
  });

  it("that have expired are not tried", async () => {
    const webhooks = await start();
    const source = await webhooks.createSource({ kind: "github", secrets: ["old", "new"] });
    const reference = `env:${source.secretNames[0]}`;
    const text =
      "update event_source_secrets set not_after = now() - interval '1 second' where reference = $1";
    await change(webhooks, text, [reference]);
    expect((await deliver(source.url, "{}", signGithub("old", "{}"))).status).toBe(401);
    expect((await deliver(source.url, "{}", signGithub("new", "{}"))).status).toBe(200);

    const gone = await webhooks.createSource({ kind: "github", secrets: ["only"] });
    await change(webhooks, text, [`env:${gone.secretNames[0]}`]);
    expect((await deliver(gone.url, "{}", signGithub("only", "{}"))).status).toBe(401);
  });

  it("that cannot be read, are empty or are not there let nobody in: the sender is told to come again", async () => {
    const webhooks = await start();
    const none = await webhooks.createSource({ kind: "github", secrets: [] });
    const unread = await webhooks.createSource({ kind: "github", secrets: ["x"] });
    delete webhooks.env[unread.secretNames[0] ?? ""];
    const empty = await webhooks.createSource({ kind: "standard", secrets: ["whsec_"] });
    for (const { url } of [none, unread]) {
      for (const secret of ["", "undefined", "x"]) {
        const answer = await deliver(url, "{}", signGithub(secret, "{}"));
        expect(answer.status).toBe(503);
        expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      }
    }
    expect((await deliver(empty.url, "{}", signStandard("whsec_", "{}"))).status).toBe(503);
    // One that can be read works while another cannot; what matches neither is not final.
    const half = await webhooks.createSource({ kind: "github", secrets: ["good", "lost"] });
    delete webhooks.env[half.secretNames[1] ?? ""];
    expect((await deliver(half.url, "{}", signGithub("good", "{}"))).status).toBe(200);
    expect((await deliver(half.url, "{}", signGithub("lost", "{}"))).status).toBe(503);
    expect(await listEvents(webhooks.databases.adminDatabaseUrl, "true")).toHaveLength(1);
  });

  it("changed in their place, or added, work at once", async () => {
    const webhooks = await start();
    const source = await webhooks.createSource({ kind: "github", secrets: ["before"] });
    expect((await deliver(source.url, "1", signGithub("before", "1"))).status).toBe(400);
    const name = source.secretNames[0] ?? "";
    webhooks.env[name] = "after";
    // A secret is read again at most every ten seconds.
    ahead = 11_000;
    const answer = await deliver(source.url, "{}", signGithub("after", "{}"));
    expect(answer.status).toBe(200);
    expect((await deliver(source.url, "{}", signGithub("before", "{}"))).status).toBe(401);

    webhooks.env["ADDED"] = "added";
    const text = `insert into event_source_secrets (organization_id, source_id, reference)
      select organization_id, id, 'env:ADDED' from event_sources where id = $1`;
    await change(webhooks, text, [source.id]);
    ahead += 1_100;
    expect((await deliver(source.url, "[2]", signGithub("added", "[2]"))).status).toBe(400);
  });
});

describe("the log of rejected requests", () => {
  it("says why, for whom and of what, and holds no secret; the function's own log neither", async () => {
    const webhooks = await start();
    const { adminDatabaseUrl } = webhooks.databases;
    const github = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const slack = await webhooks.createSource({ kind: "slack", secrets: [SECRET] });
    const body = `{"private":"words of the body"}`;
    const forged = { ...signGithub("forged", body), authorization: "Bearer private", cookie: "private" };
    await deliver(github.url, body, forged);
    await deliver(github.url, body, {});
    await deliver(github.url, "private", signGithub(SECRET, "private"));
    await deliver(slack.url, body, signSlack(SECRET, body, 1));
    await deliver(`${webhooks.url}/github/BBBBBBBBBBBBBBBBBBBBBBBB`, body, forged);
    await until(async () => (await listRejections(adminDatabaseUrl)).length === 5);

    const rejections = await listRejections(adminDatabaseUrl);
    expect(rejections.map(({ reason }) => reason).toSorted()).toEqual([
      "bad_signature",
      "missing_signature",
      "stale_timestamp",
      "unknown_endpoint",
      "unparseable",
    ]);
    const bad = rejections.find(({ reason }) => reason === "bad_signature");
    expect(bad).toMatchObject({
      source_id: github.id,
      organization_id: webhooks.tenant.organizationId,
      endpoint_id: github.endpointId,
      kind: "github",
      body_bytes: String(body.length),
      headers: { "x-github-event": "push", "content-type": "application/json" },
    });
    expect(bad?.body_sha256?.equals(createHash("sha256").update(body).digest())).toBe(true);
    const unknown = rejections.find(({ reason }) => reason === "unknown_endpoint");
    expect(unknown).toMatchObject({
      organization_id: null,
      source_id: "00000000-0000-0000-0000-000000000000",
    });
    const said = JSON.stringify(rejections) + webhooks.logLines.join("");
    for (const secret of ["private", SECRET, "sha256=", "v0=", "words of the body"]) {
      expect(said).not.toContain(secret);
    }
  });

  it("takes a few a second of each source and counts the rest, and keeps the latest thousand", async () => {
    const webhooks = await start();
    const { adminDatabaseUrl } = webhooks.databases;
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const other = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const text = `insert into rejected_requests (source_id, kind, reason, detail, headers, body_bytes)
      select $1, 'github', 'old', '', '{}', 0 from generate_series(1, 1000)`;
    await change(webhooks, text, [source.id]);
    await change(webhooks, text, [other.id]);
    const answers = await Promise.all(Array.from({ length: 200 }, () => deliver(source.url, "{}", {})));
    expect(answers.every(({ status }) => status === 401)).toBe(true);
    await webhooks.context.rejected.close();
    await until(() => /"left_out":\d+/.test(webhooks.logLines.join("")));
    const rejections = await listRejections(adminDatabaseUrl);
    const ofSource = rejections.filter(({ source_id: id }) => id === source.id);
    expect(ofSource).toHaveLength(1_000);
    const fresh = ofSource.filter(({ reason }) => reason === "missing_signature").length;
    expect(fresh).toBeGreaterThan(0);
    expect(fresh).toBeLessThan(100);
    // It is the oldest that had to go, and nobody else's.
    const old = ofSource.filter(({ reason }) => reason === "old").map(({ id }) => Number(id));
    expect(Math.min(...old)).toBe(fresh + 1);
    expect(rejections.filter(({ source_id: id }) => id === other.id)).toHaveLength(1_000);
  });
});
