import { describe, expect, it, vi } from "vitest";
import { createWriteQueue, type WriteOutcome } from "../../functions/ingest/write-queue.ts";
import type { ExecutionRow } from "../../shared/postgres/command-executions.ts";
import { makeRow } from "../helpers/make-row.ts";

/** What this file guards: who shares a batch with whom, and that every row gets its own outcome. */
interface Written {
  organizationId: string;
  ids: string[];
  finish: (outcomes?: WriteOutcome[]) => void;
  fail: (error: Error) => void;
}

function startQueue(
  options: { batchRowsMax?: number; queuedRowsMax?: number; inFlightMax?: number; bytesEach?: number } = {},
) {
  const written: Written[] = [];
  const outcomes = new Map<string, WriteOutcome["kind"]>();
  const queue = createWriteQueue({
    inFlight: 2,
    inFlightMax: options.inFlightMax ?? 4,
    batchRowsMax: options.batchRowsMax ?? 10,
    queuedRowsMax: options.queuedRowsMax ?? 100,
    batchBytesMax: 1_000,
    queuedBytesMax: 10_000,
    write: (organizationId, rows) =>
      new Promise((resolve, reject) => {
        written.push({
          organizationId,
          ids: rows.map((row) => row.id),
          finish: (given) => resolve(given ?? rows.map(() => ({ kind: "accepted" }))),
          fail: reject,
        });
      }),
  });
  const add = (organizationId: string, rows: readonly ExecutionRow[]): boolean => {
    const settled = queue.add(
      organizationId,
      rows.map((row) => ({ row, bytes: options.bytesEach ?? 10 })),
    );
    if (settled === null) return false;
    void note(rows, settled);
    return true;
  };
  async function note(rows: readonly ExecutionRow[], settled: Promise<WriteOutcome[]>): Promise<void> {
    for (const [at, { kind }] of (await settled).entries()) outcomes.set(rows[at]?.id ?? "", kind);
  }
  return { written, outcomes, add };
}

/** Lets everything happen that needs no more than a few turns of the event loop. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}

const rowsNamed = (...ids: string[]): ExecutionRow[] => ids.map((id) => makeRow({ id }));

describe("the write queue", () => {
  it("sends a lone request at once and whole", async () => {
    const { written, add } = startQueue();
    add("a", rowsNamed("1", "2", "3"));
    await settle();
    expect(written.map((batch) => batch.ids)).toEqual([["1", "2", "3"]]);
  });

  it("puts two fifths of a crowd into a batch, so that another can be on its way and the rest be told", async () => {
    const { written, add } = startQueue();
    for (const id of ["1", "2", "3", "4", "5"]) add("a", rowsNamed(`${id}a`, `${id}b`));
    await settle();
    expect(written.map((batch) => batch.ids)).toEqual([
      ["1a", "1b", "2a", "2b"],
      ["3a", "3b", "4a", "4b"],
    ]);
    written[0]?.finish();
    await settle();
    expect(written[2]?.ids).toEqual(["5a", "5b"]);
  });

  it("never mixes organizations, and gives each a turn", async () => {
    const { written, add } = startQueue({ batchRowsMax: 2 });
    add("a", rowsNamed("1", "2", "3", "4", "5", "6"));
    add("b", rowsNamed("7"));
    await settle();
    expect(written.slice(0, 2).map((batch) => [batch.organizationId, ...batch.ids])).toEqual([
      ["a", "1", "2"],
      ["b", "7"],
    ]);
  });

  it("sends a partial batch only while fewer than two are on their way, full ones up to the limit", async () => {
    const { written, add } = startQueue({ batchRowsMax: 2, inFlightMax: 3 });
    for (const id of ["1", "2", "3", "4", "5", "6", "7", "8", "9"]) add("a", rowsNamed(id));
    await settle();
    expect(written.map((batch) => batch.ids)).toEqual([
      ["1", "2"],
      ["3", "4"],
      ["5", "6"],
    ]);
    written[0]?.finish();
    await settle();
    expect(written[3]?.ids).toEqual(["7", "8"]);
    written[1]?.finish();
    await settle();
    expect(written).toHaveLength(4);
    written[2]?.finish();
    await settle();
    expect(written[4]?.ids).toEqual(["9"]);
  });

  it("sends the next batch before it tells anybody how the last one ended", async () => {
    const { written, outcomes, add } = startQueue();
    for (const id of ["1", "2", "3"]) {
      add("a", rowsNamed(id));
      await settle();
    }
    expect(written).toHaveLength(2);
    const told: number[] = [];
    vi.spyOn(outcomes, "set").mockImplementation((id, kind) => {
      told.push(written.length);
      return Map.prototype.set.call(outcomes, id, kind) as typeof outcomes;
    });
    written[0]?.finish();
    await settle();
    expect(told).toEqual([3]);
    expect(written[2]?.ids).toEqual(["3"]);
  });

  it("keeps a second row of an id back until the first has its outcome", async () => {
    const { written, add } = startQueue();
    add("a", rowsNamed("1", "1", "2"));
    await settle();
    expect(written.map((batch) => batch.ids)).toEqual([["1", "2"]]);
    written[0]?.finish();
    await settle();
    expect(written[1]?.ids).toEqual(["1"]);
  });

  it("takes the same id of two organizations side by side", async () => {
    const { written, add } = startQueue();
    add("a", rowsNamed("1"));
    add("b", rowsNamed("1"));
    await settle();
    expect(written.map((batch) => batch.organizationId)).toEqual(["a", "b"]);
  });

  it("gives each row its own outcome, and all of a batch the failure that ended it", async () => {
    const { written, outcomes, add } = startQueue();
    add("a", rowsNamed("1", "2"));
    await settle();
    written[0]?.finish([{ kind: "duplicate" }, { kind: "refused", sqlState: "23514" }]);
    await settle();
    add("a", rowsNamed("3"));
    await settle();
    written[1]?.fail(new Error("gone"));
    await settle();
    expect(Object.fromEntries(outcomes)).toEqual({ 1: "duplicate", 2: "refused", 3: "failed" });
  });

  it("keeps a batch and the queue small in bytes as well", async () => {
    const { written, add } = startQueue({ bytesEach: 600 });
    expect(add("a", rowsNamed("1", "2", "3"))).toBe(true);
    await settle();
    expect(written.map((batch) => batch.ids)).toEqual([["1"], ["2"]]);
    expect(add("a", rowsNamed(...Array.from({ length: 16 }, (_, index) => `x${index}`)))).toBe(false);
  });

  it("takes no more than it has room for", () => {
    const { add } = startQueue({ queuedRowsMax: 3 });
    expect(add("a", rowsNamed("1", "2"))).toBe(true);
    expect(add("a", rowsNamed("3", "4"))).toBe(false);
    expect(add("a", rowsNamed("5"))).toBe(true);
  });
});
