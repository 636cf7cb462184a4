import { describe, expect, it } from "vitest";
import { runCli } from "./run-cli.ts";

describe("npm run terraform", () => {
  it("says what to install where there is no Terraform", async () => {
    const { code, err } = await runCli(["validate"], { env: { PATH: "/nonexistent" } });

    expect(code).toBe(1);
    expect(err).toContain("Terraform is not installed. Install version 1.11 or later");
  });

  it("explains itself, and refuses what it does not know", async () => {
    expect(await runCli(["--help"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/Usage: npm run terraform/),
    });
    expect(await runCli([])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/A command is missing.*validate, test/s),
    });
    expect(await runCli(["aply"])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no command "aply"/),
    });
    expect(await runCli(["validate", "-json"])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/nothing further/),
    });
  });
});
