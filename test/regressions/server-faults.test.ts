import { describe, expect, it, onTestFinished } from "vitest";
import { type Ingest, startIngest } from "../helpers/ingest.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { listLedger, terminateSessions, until } from "../helpers/stored.ts";
import { asOwner } from "../helpers/tenant.ts";

/** What this file guards: what the server cannot do now is to be sent again; only a record's own fault is its rejection. */
async function start(): Promise<Ingest> {
  const ingest = await startIngest();
  onTestFinished(() => ingest.close());
  return ingest;
}

interface Refusal {
  status: number;
  rejected: unknown;
  comeAgain: boolean;
}

const COME_AGAIN: Refusal = { status: 503, rejected: undefined, comeAgain: true };

/** What one execution and a list of them are answered. */
async function postOneAndSome(ingest: Ingest): Promise<Refusal[]> {
  const answers: Refusal[] = [];
  for (const body of [makeExecution(), { executions: [makeExecution(), makeExecution()] }]) {
    const answer = await ingest.post(body);
    const comeAgain = Number(answer.headers.get("retry-after")) >= 1;
    answers.push({ status: answer.status, rejected: answer.body.rejected, comeAgain });
  }
  return answers;
}

/** Sends one execution until it is acknowledged; the other statuses seen meanwhile, 503 aside. */
async function postUntilStored(ingest: Ingest): Promise<number[]> {
  const statuses = new Set<number>();
  const execution = makeExecution();
  await until(async () => {
    const { status } = await ingest.post(execution);
    statuses.add(status);
    return status === 200;
  });
  const ids = (await listLedger(ingest.databases.adminDatabaseUrl)).map((row) => row.id);
  if (!ids.includes(execution.id)) throw new Error("an acknowledged execution is not in the ledger");
  return [...statuses].filter((status) => status !== 200 && status !== 503);
}

/** Runs statements as the owner, also while the database is read-only for everybody else. */
async function alter(ingest: Ingest, ...statements: string[]): Promise<void> {
  await asOwner(ingest.databases.adminDatabaseUrl, async (sql) => {
    await sql.query("set default_transaction_read_only = off");
    for (const statement of statements) await sql.query(statement);
  });
}

describe("a database that refuses", () => {
  it("because it is read-only, as after a failover, is answered 503 and nothing is rejected", async () => {
    const ingest = await start();
    expect(await postUntilStored(ingest)).toEqual([]);
    const name = new URL(ingest.databases.adminDatabaseUrl).pathname.slice(1);
    await alter(ingest, `alter database ${name} set default_transaction_read_only = on`);
    await terminateSessions(ingest.databases.adminDatabaseUrl);
    expect(await postOneAndSome(ingest)).toEqual([COME_AGAIN, COME_AGAIN]);
    await alter(ingest, `alter database ${name} reset default_transaction_read_only`);
    await terminateSessions(ingest.databases.adminDatabaseUrl);
    expect(await postUntilStored(ingest)).toEqual([]);
  });

  it.each([
    [
      "for want of a right on the ledger",
      "revoke insert on command_executions from netra_app",
      "grant insert on command_executions to netra_app",
    ],
    [
      "for want of a right on the keys of ids",
      "revoke insert on ingest_keys from netra_app",
      "grant insert on ingest_keys to netra_app",
    ],
    [
      "because its schema is another",
      "alter table command_executions rename column tool_calls to calls_of_tools",
      "alter table command_executions rename column calls_of_tools to tool_calls",
    ],
  ])("%s is answered 503 and nothing is rejected", async (_why, breaking, mending) => {
    const ingest = await start();
    expect(await postUntilStored(ingest)).toEqual([]);
    await alter(ingest, breaking);
    expect(await postOneAndSome(ingest)).toEqual([COME_AGAIN, COME_AGAIN]);
    await alter(ingest, mending);
    expect(await postUntilStored(ingest)).toEqual([]);
  });
});

describe("a record that the ledger refuses", () => {
  const NO_SEVENS =
    "alter table command_executions add constraint no_sevens check (execution_sequence <> 7) not valid";

  it("is rejected alone, whatever stands beside it", async () => {
    const ingest = await start();
    await alter(ingest, NO_SEVENS);
    const executions = Array.from({ length: 20 }, (_, index) => makeExecution({ execution_sequence: index }));
    const { status, body } = await ingest.post({ executions });
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 19, rejected: [{ index: 7, id: executions[7]?.id }] });
    expect(body.rejected).toHaveLength(1);
    expect(await listLedger(ingest.databases.adminDatabaseUrl)).toHaveLength(19);
  });

  it("as a completion does not make the new records of its body duplicates", async () => {
    const ingest = await start();
    await alter(ingest, NO_SEVENS);
    const pending = makeExecution({ status: "pending" });
    await ingest.post(pending);
    const refused = makeExecution({ id: pending.id, timestamp: pending.timestamp, execution_sequence: 7 });
    const { status, body } = await ingest.post({
      executions: [makeExecution(), makeExecution(), refused, makeExecution()],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      accepted: 3,
      duplicates: 0,
      updated: 0,
      rejected: [{ index: 2, id: pending.id }],
    });
  });
});
