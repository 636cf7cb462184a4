import { z } from "zod";
import { SHIPPED_KINDS } from "../../../shared/shipped.ts";
import type { ShippedQuery } from "../../../shared/postgres/shipped.ts";

/** What a next page continues. Not a secret: it holds nothing the caller could not have asked for. */
export type ShippedPosition = Omit<ShippedQuery, "limit">;

const OFFSET_MAX = 10_000_000;
const TOKEN_CHARS_MAX = 4_000;

/** Up to the year 2201, far inside of what the ledger can hold. */
const millis = z.int().min(0).max(Date.UTC(2201, 0));
const text = z
  .string()
  .max(300)
  .refine((value) => !value.includes("\0") && value.isWellFormed())
  .nullable();
const content = z.tuple([
  z.literal("shipped"),
  z.enum(SHIPPED_KINDS),
  millis,
  millis,
  text,
  text,
  text,
  text,
  z.int().min(1).max(OFFSET_MAX),
]);

export function writeShippedToken(position: ShippedPosition): string {
  const { by, from, to, person, repository, state, environment, offset } = position;
  const fields = [
    "shipped",
    by,
    from.getTime(),
    to.getTime(),
    person,
    repository,
    state,
    environment,
    offset,
  ];
  return Buffer.from(JSON.stringify(fields)).toString("base64url");
}

/** Null for anything that `writeShippedToken` has not made. */
export function readShippedToken(token: string): ShippedPosition | null {
  if (token.length > TOKEN_CHARS_MAX) return null;
  const parsed = content.safeParse(readJson(Buffer.from(token, "base64url").toString()));
  if (!parsed.success) return null;
  const [, by, from, to, person, repository, state, environment, offset] = parsed.data;
  return { by, from: new Date(from), to: new Date(to), person, repository, state, environment, offset };
}

function readJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
