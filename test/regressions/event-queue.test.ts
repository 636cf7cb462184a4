import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createEventQueue } from "../../functions/events/event-queue.ts";
import { createEventProcessor, type EventOutcome } from "../../functions/events/process-events.ts";
import { createBatches } from "../../shared/batches.ts";
import type { EventKey } from "../../shared/postgres/event-processing.ts";
import { createPool } from "../../shared/postgres/pool.ts";
import { type Events, insertEvents, pushBody, startEvents } from "../helpers/events.ts";

/** The events of one organization, large or many, kept those of all others waiting. */
let events: Events;
beforeAll(async () => {
  events = await startEvents();
});
afterAll(() => events.close());

const DONE: EventOutcome = { status: "processed", isUnknownType: false };
const DEFERRED: EventOutcome = { status: "deferred", isUnknownType: false };

const log = (): void => {};
const nothing = (): Promise<void> => Promise.resolve();

function keyOf(id: string): EventKey {
  return { id, receivedAt: Date.UTC(2026, 0) };
}

describe("large events", () => {
  it("are left for another turn where one claim does not take them", async () => {
    const { databaseUrl, adminDatabaseUrl } = events.databases;
    const { organizationId } = events.tenant;
    const event = {
      source: "standard",
      eventType: "standard.x",
      body: { text: "x".repeat(9_000_000) },
    } as const;
    const keys = await insertEvents(adminDatabaseUrl, organizationId, [event, event, event]);
    const pool = createPool({ databaseUrl, connectionsMax: 2, applicationName: "test", log });
    try {
      const nudger = { nudge: nothing, nudgeIfPossible: nothing };
      const processor = createEventProcessor({ pool, nudger, log, now: Date.now, random: Math.random });
      const first = await processor.process(organizationId, keys);
      expect(first.map(({ status }) => status).toSorted()).toEqual(["deferred", "processed", "processed"]);
      const again = await processor.process(organizationId, keys);
      expect(again.map(({ status }) => status).toSorted()).toEqual(["processed", "skipped", "skipped"]);
    } finally {
      await pool.end();
    }
  });

  it("queue again behind everybody else's", async () => {
    const taken: string[] = [];
    const queue = createEventQueue(
      createBatches<EventKey, EventOutcome>({
        run: (organizationId, keys) => {
          taken.push(`${organizationId}${keys.length}`);
          return Promise.resolve(keys.map((_, index) => (index === 0 ? DONE : DEFERRED)));
        },
        inFlightMax: 1,
        batchItemsMax: 100,
        batchBytesMax: 100,
        queuedItemsMax: 100,
        queuedBytesMax: 100,
      }),
    );
    const large = ["1", "2", "3"].map((id) => queue.process("large", keyOf(id)));
    const small = queue.process("small", keyOf("4"));
    expect(await Promise.all([...large, small])).toEqual([DONE, DONE, DONE, DONE]);
    expect(taken).toEqual(["large3", "small1", "large2", "large1"]);
  });
});

describe("many events of one organization", () => {
  it("are refused at a bound of their own, where others still find room", async () => {
    const finishes: (() => void)[] = [];
    const batches = createBatches<number, number>({
      run: (_key, items) => new Promise((resolve) => finishes.push(() => resolve(items))),
      inFlightMax: 1,
      batchItemsMax: 2,
      batchBytesMax: 100,
      queuedItemsMax: 10,
      queuedItemsOfKeyMax: 3,
      queuedBytesMax: 100,
    });
    const add = (key: string, item: number): Promise<number> => {
      const outcome = batches.add(key, item, 1);
      if (outcome === null) throw new Error("there is no room");
      return outcome;
    };
    const all = [add("many", 1), add("many", 2), add("many", 3)];
    expect(batches.add("many", 4, 1)).toBeNull();
    all.push(add("other", 5));
    for (let batch = 0; batch < 3; batch += 1) {
      await vi.waitFor(() => expect(finishes.length).toBeGreaterThan(batch));
      finishes[batch]?.();
    }
    expect(await Promise.all(all)).toEqual([1, 2, 3, 5]);
    expect(batches.add("many", 6, 1)).not.toBeNull();
  });
});

describe("a nudge from times no event can be of", () => {
  it.each(["-271821-04-20T00:00:00.000Z", "+275760-09-13T00:00:00.000Z", "1970-01-01", "2100-01-01"])(
    "is no nudge, and fails no batch: %s",
    async (receivedAt) => {
      const attributes = {
        kind: "event",
        organization_id: events.tenant.organizationId,
        id: "00000000-0000-4000-8000-000000000001",
        received_at: receivedAt,
      };
      const before = events.logLines.length;
      const response = await fetch(`${events.url}/push`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(pushBody({ attributes })),
      });
      expect(response.status).toBe(204);
      expect(events.logLines.slice(before).join("")).toContain("a message that is no nudge was dropped");
    },
  );
});
