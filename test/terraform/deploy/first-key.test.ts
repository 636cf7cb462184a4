import { describe, expect, it, onTestFinished } from "vitest";
import { makeFirstKey } from "../../../terraform/deploy/first-key.ts";
import { startIngest } from "../../helpers/ingest.ts";
import { makeExecution } from "../../helpers/make-execution.ts";
import { asOwner } from "../../helpers/tenant.ts";
import { deploy, makeCloud } from "./fake-cloud.ts";

describe("npm run deploy -- --first-key", () => {
  it("gives a key that ingest takes once its SQL was run, also beside an older one", async () => {
    const ingest = await startIngest();
    onTestFinished(ingest.close);
    const first = makeFirstKey("acme");
    const second = makeFirstKey("acme");

    await asOwner(ingest.databases.adminDatabaseUrl, async (sql) => {
      await sql.query(first.sql);
      await sql.query(second.sql);
    });

    for (const { key } of [first, second]) {
      const answer = await ingest.post({ executions: [makeExecution()] }, { authorization: `Bearer ${key}` });
      expect(answer).toMatchObject({ status: 200, body: { accepted: 1 } });
    }
  });

  it("prints the key, and SQL without it", async () => {
    const { code, out } = await deploy(makeCloud(), ["--first-key", "acme"]);

    expect(code).toBe(0);
    const [key = "", ...sql] = out.split("\n");
    expect(key).toMatch(/^ntr_[0-9A-Za-z]{43}$/);
    expect(sql.join("\n")).toContain("insert into api_keys");
    expect(sql.join("\n")).not.toContain(key);
  });

  it("refuses a name that could be more than a name", async () => {
    expect(await deploy(makeCloud(), ["--first-key", "a'; drop table users; --"])).toMatchObject({
      code: 2,
      out: "",
    });
  });
});
