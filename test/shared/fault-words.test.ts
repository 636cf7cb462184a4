import { expect, it } from "vitest";
import { z } from "zod";
import { faultWords } from "../../shared/fault-words.ts";

const AT_NOON = "2026-11-20T12:00:00Z";

it.each([
  [z.string(), undefined, "is missing"],
  [z.union([z.string(), z.number()]), undefined, "is missing"],
  [z.string(), 7, "must be text, not a number"],
  [z.string(), null, "must be text, not null"],
  [z.number(), "7", "must be a number, not text"],
  [z.coerce.number(), "seven", "must be a number"],
  [z.int(), 7.5, "must be a whole number"],
  [z.boolean(), [], "must be true or false, not a list"],
  [z.array(z.string()), {}, "must be a list, not an object"],
  [z.strictObject({}), [], "must be an object, not a list"],
  [z.record(z.string(), z.string()), true, "must be an object, not true or false"],
  [z.enum(["a", "b"]), "c", "must be one of a, b"],
  [z.literal("a"), "c", "must be a"],
  [z.union([z.string(), z.number()]), true, "has none of the forms it may have"],
  [z.guid(), AT_NOON, "must be a UUID, such as 0190163d-8694-739b-aea5-966c26f8ad91"],
  [z.iso.datetime(), "noon", "must be an RFC 3339 date-time, such as 2026-11-20T09:30:00Z"],
  [z.iso.date(), AT_NOON, "must be a date, such as 2026-11-20"],
  [z.url(), "here", "must be an address, such as https://example.com"],
  [z.string().min(1), "", "must not be empty"],
  [z.string().min(2), "", "must have at least 2 characters"],
  [z.string().max(2), "abc", "must have at most 2 characters"],
  [z.array(z.int()).max(2), [1, 2, 3], "must have at most 2 items"],
  [z.int().min(0), -1, "must be at least 0"],
  [z.number().positive(), 0, "must be more than 0"],
  [z.int().max(9), 10, "must be at most 9"],
  [z.number().lt(9), 9, "must be less than 9"],
  [z.string("has words of its own"), 7, "has words of its own"],
])("case %#: says what is wrong and what to send", (schema, value, words) => {
  expect(
    schema.safeParse(value, { error: faultWords }).error?.issues.map(({ message }) => message),
  ).toStrictEqual([words]);
});
