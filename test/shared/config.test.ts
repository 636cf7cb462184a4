import { expect, it } from "vitest";
import { z } from "zod";
import { httpUrl, parseConfig, wholeNumber } from "../../shared/config.ts";

const schema = z.object({ A: z.string(), B: z.string(), URL: httpUrl, COUNT: wholeNumber(8, 4, 100) });

it("tells every fault at once, what is missing apart from what is wrong, and never a value", () => {
  const env = { B: "", URL: "ftp://user:hunter2@h", COUNT: "hunter2" };
  expect(() => parseConfig(schema, env)).toThrow(
    [
      "the environment is not complete:",
      "  A: is not set",
      "  B: is not set",
      "  URL: must be an http(s):// URL",
      "  COUNT: must be a number",
    ].join("\n"),
  );
});
