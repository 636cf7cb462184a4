import { z } from "zod";
import { FINDING_STATES } from "../../../shared/postgres/insight-findings.ts";
import { RULE_NAMES, type RuleName } from "./rule.ts";

/** What `GET /v1/insights` asks, and where its answer begins. */
export interface FindingQuestion {
  days: number;
  to: Date;
  /** The end that was asked for, in ms since 1970, which may not have come yet; null when none was. */
  askedTo: number | null;
  rule: RuleName | null;
  /** Null: everything that is not muted. */
  state: (typeof FINDING_STATES)[number] | "all" | null;
  minUsd: string | null;
  repository: string | null;
  offset: number;
}

/** A name of a repository is up to 300 characters, each up to six in JSON. */
const TOKEN_CHARS_MAX = 4_000;
const LATEST = Date.UTC(2201, 0);
const content = z.tuple([
  z.int().min(1).max(90),
  z.int().min(0).max(LATEST),
  z.int().min(0).max(LATEST).nullable(),
  z.enum(RULE_NAMES).nullable(),
  z.enum([...FINDING_STATES, "all"]).nullable(),
  z
    .string()
    .regex(/^\d{1,9}(\.\d{1,12})?$/)
    .nullable(),
  z.string().min(1).max(300).nullable(),
  z.int().min(1).max(100_000),
]);

/** Not a secret: it holds nothing the caller could not have asked for. */
export function writePageToken(question: FindingQuestion): string {
  const { days, to, askedTo, rule, state, minUsd, repository, offset } = question;
  return Buffer.from(
    JSON.stringify([days, to.getTime(), askedTo, rule, state, minUsd, repository, offset]),
  ).toString("base64url");
}

/** Null for anything that `writePageToken` has not made. */
export function readPageToken(token: string): FindingQuestion | null {
  if (token.length > TOKEN_CHARS_MAX) return null;
  const parsed = content.safeParse(readJson(Buffer.from(token, "base64url").toString()));
  if (!parsed.success) return null;
  const [days, to, askedTo, rule, state, minUsd, repository, offset] = parsed.data;
  return { days, to: new Date(to), askedTo, rule, state, minUsd, repository, offset };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
