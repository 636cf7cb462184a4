import { expect, it, onTestFinished } from "vitest";
import { type Ingest, startIngest } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { listLedger } from "../helpers/stored.ts";
import { asOwner } from "../helpers/tenant.ts";

/** What this file guards: what belongs to a month that was archived is refused with that reason, never silently lost. */
async function start(): Promise<Ingest> {
  const ingest = await startIngest();
  onTestFinished(() => ingest.close());
  return ingest;
}

const IN_MARCH = "2022-03-05T00:00:00Z";
const detachMarch = (ingest: Ingest): Promise<unknown> =>
  asOwner(ingest.databases.adminDatabaseUrl, (sql) =>
    sql.query("alter table command_executions detach partition command_executions_2022_03"),
  );

function expectArchived(details: readonly (string | undefined)[]): void {
  for (const detail of details) {
    expect(detail).toMatch(/archived/i);
    expect(detail).not.toMatch(/SQLSTATE/);
  }
}

it("rejects a new record of a detached month with that reason and stores the others", async () => {
  const ingest = await start();
  await ingest.post(makeExecution({ timestamp: IN_MARCH }));
  await detachMarch(ingest);
  const late = makeExecution({ timestamp: "2022-03-06T00:00:00Z" });
  const good = [makeExecution(), makeExecution({ timestamp: "2022-04-01T00:00:00Z" })];
  const { status, body } = await ingest.post({ executions: [good[0], late, good[1]] });
  expect(status).toBe(200);
  expect(body).toMatchObject({ accepted: 2, duplicates: 0, rejected: [{ index: 1, id: late.id }] });
  expectArchived(body.rejected.map((rejection) => rejection.errors[0]?.detail));
  const ids = (await listLedger(ingest.databases.adminDatabaseUrl)).map((row) => row.id);
  expect(ids.toSorted()).toEqual(good.map((execution) => execution.id).toSorted());
});

it("answers 400 with that reason when nothing else is in the body, again and again", async () => {
  const ingest = await start();
  await ingest.post(makeExecution({ timestamp: IN_MARCH }));
  await detachMarch(ingest);
  const late = makeExecution({ timestamp: IN_MARCH });
  for (let tries = 1; tries <= 3; tries += 1) {
    const { status, body } = await ingest.post(late);
    expect([status, body.accepted, body.duplicates]).toEqual([400, 0, 0]);
    expectArchived([body.rejected[0]?.errors[0]?.detail]);
  }
});

it("does not call the end of a pending execution of a detached month a duplicate", async () => {
  const ingest = await start();
  const pending = makeExecution({ timestamp: IN_MARCH, status: "pending" });
  await ingest.post(pending);
  await detachMarch(ingest);
  const good = makeExecution();
  const { status, body } = await ingest.post({ executions: [{ ...pending, status: "completed" }, good] });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    accepted: 1,
    duplicates: 0,
    updated: 0,
    rejected: [{ index: 0, id: pending.id }],
  });
  expectArchived([body.rejected[0]?.errors[0]?.detail]);
});
