import { type ClientRequest, request as httpRequest } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { until } from "../helpers/stored.ts";
import { asOwner } from "../helpers/tenant.ts";
import { deliver, signGithub, startWebhooks, type Webhooks } from "../helpers/webhooks.ts";
import { listRejections } from "../functions/webhooks/stored-events.ts";

/** What this file guards: strangers who hold large uploads open take no room from those who may send. */
const SECRET = "a secret of this test";
const MIB = 1024 * 1024;
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function start(largeBodyMs?: number): Promise<Webhooks> {
  const webhooks = await startWebhooks(largeBodyMs === undefined ? {} : { largeBodyMs });
  cleanUps.push(() => webhooks.close());
  return webhooks;
}

interface Upload {
  request: ClientRequest;
  /** The status, or what went wrong. */
  ended: Promise<number | string>;
}

/** Announces 25 MiB, sends `bytes` of it and then nothing more. */
function stall(url: string, bytes: number, headers: Record<string, string> = {}): Upload {
  const request = httpRequest(url, { method: "POST", headers: { ...headers, "content-length": 25 * MIB } });
  const ended = new Promise<number | string>((resolve) => {
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "failed"));
  });
  request.write(Buffer.alloc(bytes, " "));
  cleanUps.push(async () => request.destroy());
  return { request, ended };
}

/** A body in which a lost, doubled or moved chunk would be seen. */
function largeBody(bytes: number): Buffer<ArrayBuffer> {
  const numbers: string[] = [];
  for (let n = 1_000_000; numbers.length * 8 < bytes; n += 1) numbers.push(String(n));
  return Buffer.from(`{"n":[${numbers.join(",")}]}`);
}

/** Large, signed, and one more than before, so that none is a repeat of another. */
async function sendLarge(webhooks: Webhooks, url: string, bytes: number) {
  const body = largeBody(bytes);
  const answer = await deliver(url, body, signGithub(SECRET, body));
  const text = "select octet_length(body) as bytes from events where id = $1";
  const { rows } = await asOwner(webhooks.databases.adminDatabaseUrl, (sql) =>
    sql.query<{ bytes: number }>({ text, values: [answer.body.event ?? null] }),
  );
  return { status: answer.status, isWhole: rows[0]?.bytes === body.length };
}

describe("large uploads that stall", () => {
  it("to no address, an unknown one or without a signature are answered, and take no room", async () => {
    const webhooks = await start();
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const off = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    await asOwner(webhooks.databases.adminDatabaseUrl, (sql) =>
      sql.query("update event_sources set status = 'disabled' where id = $1", [off.id]),
    );
    const formed = signGithub("a stranger's", "x");
    const uploads = [
      stall(`${webhooks.url}/a-key-pasted-into-the-path`, 24 * MIB, formed),
      stall(`${webhooks.url}/github/AAAAAAAAAAAAAAAAAAAAAAAA`, 24 * MIB, formed),
      stall(source.url.replace("/github/", "/vercel/"), 24 * MIB, formed),
      stall(source.url, 24 * MIB),
      stall(source.url, 24 * MIB, { "x-hub-signature-256": "sha256=short" }),
      stall(off.url, 24 * MIB, formed),
    ];
    expect(await Promise.all(uploads.map(({ ended }) => ended))).toEqual([404, 404, 404, 401, 401, 410]);
    expect(await sendLarge(webhooks, source.url, 20 * MIB)).toEqual({ status: 200, isWhole: true });
    expect(webhooks.logLines.join("")).not.toContain("pasted");
    const { adminDatabaseUrl } = webhooks.databases;
    await until(async () => (await listRejections(adminDatabaseUrl)).length === 5);
    const reasons = (await listRejections(adminDatabaseUrl)).map(({ reason }) => reason);
    expect(reasons.toSorted()).toEqual([
      "bad_signature",
      "disabled",
      "missing_signature",
      "unknown_endpoint",
      "wrong_kind",
    ]);
  });

  it("to one address leave half of the room to the others", async () => {
    const webhooks = await start();
    const [one, other] = [
      await webhooks.createSource({ kind: "github", secrets: [SECRET] }),
      await webhooks.createSource({ kind: "github", secrets: [SECRET] }),
    ];
    const uploads = Array.from({ length: 6 }, () =>
      stall(one.url, 24 * MIB, signGithub("a stranger's", "x")),
    );
    // Two have room; the others are told to come again, and it is written down.
    await until(async () => {
      const rejections = await listRejections(webhooks.databases.adminDatabaseUrl);
      return rejections.filter(({ reason }) => reason === "crowded_out").length >= 4;
    });
    expect(await sendLarge(webhooks, other.url, 20 * MIB)).toEqual({ status: 200, isWhole: true });
    for (const { request } of uploads) request.destroy();
  });

  it("are given up after a while, and their room is free again", async () => {
    const webhooks = await start(1_500);
    const source = await webhooks.createSource({ kind: "github", secrets: [SECRET] });
    const uploads = [1, 2].map(() => stall(source.url, 23 * MIB, signGithub("a stranger's", "x")));
    expect(await Promise.all(uploads.map(({ ended }) => ended))).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(await sendLarge(webhooks, source.url, 20 * MIB)).toEqual({ status: 200, isWhole: true });
  });

  it("leave paths out of the log where the body is too large to be looked at", async () => {
    const webhooks = await start();
    const headers = { "content-length": String(26 * MIB) };
    const request = httpRequest(`${webhooks.url}/a-key-pasted-into-the-path`, { method: "POST", headers });
    cleanUps.push(async () => request.destroy());
    const status = new Promise((resolve) => {
      request.on("response", (response) => resolve(response.statusCode));
    });
    request.flushHeaders();
    expect(await status).toBe(413);
    await until(() => webhooks.logLines.join("").includes(" 413"));
    expect(webhooks.logLines.join("")).not.toContain("pasted");
  });
});
