import { afterAll, beforeAll, expect, it } from "vitest";
import { type Events, insertEvent, startEvents } from "../helpers/events.ts";
import { asOwner } from "../helpers/tenant.ts";

/** An emoji that was written as escapes made numbers lose their digits, as did forms and pushes. */
let events: Events;
beforeAll(async () => {
  events = await startEvents();
});
afterAll(() => events.close());

const SENT = String.raw`{"id": 9007199254740993, "amount": 10.10, "note": "thanks \ud83d\ude00 \\u0000"}`;
const STORED = String.raw`{"id": 9007199254740993, "note": "thanks 😀 \\u0000", "amount": 10.10}`;

async function payloadOf(event: Parameters<typeof insertEvent>[2], path: string[] = []): Promise<string> {
  const { adminDatabaseUrl } = events.databases;
  const key = await insertEvent(adminDatabaseUrl, events.tenant.organizationId, event);
  expect(await events.push(key)).toBe(204);
  const text = "select (payload #> $2)::text as text from events where id = $1";
  const { rows } = await asOwner(adminDatabaseUrl, (sql) =>
    sql.query<{ text: string }>(text, [key.id, path]),
  );
  return rows[0]?.text ?? "";
}

it("numbers keep their digits and pairs stay pairs, in bodies, forms and pushes", async () => {
  const plain = { source: "standard", eventType: "standard.order" } as const;
  expect(await payloadOf({ ...plain, body: SENT })).toBe(STORED);
  // What has to be replaced is, and nothing else with it.
  const broken = SENT.replace("thanks", String.raw`\u0000\ud83d`);
  expect(await payloadOf({ ...plain, body: broken })).toBe(STORED.replace("thanks", "��"));

  const contentType = "application/x-www-form-urlencoded";
  const form = new URLSearchParams({ payload: SENT }).toString();
  expect(await payloadOf({ source: "github", eventType: "github.ping", contentType, body: form })).toBe(
    STORED,
  );

  const message = {
    attributes: { status: "SUCCESS" },
    data: Buffer.from(SENT).toString("base64"),
    messageId: "1",
  };
  const push = { source: "cloud-build", eventType: "cloud-build.success", body: { message } } as const;
  expect(await payloadOf(push, ["data"])).toBe(STORED);
});
