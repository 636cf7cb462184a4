import { z } from "zod";
import { AppError } from "../../../shared/errors.ts";
import { faultWords } from "../../../shared/fault-words.ts";
import type { HttpRequest } from "../../../shared/http.ts";
import { DAYS_MAX, DEFAULT_DAYS, endOf } from "./parameters.ts";

const ACTIONS = ["acknowledge", "mute", "done", "reopen"] as const;

export interface FindingAction {
  finding: string;
  action: (typeof ACTIONS)[number];
  /** With mute only, and always then. */
  until: Date | null;
  note: string | null;
  days: number;
}

const MUTED_DAYS_MAX = 730;
const DAY_MS = 86_400_000;

const schema = z.strictObject(
  {
    finding: z.string({ error: "must be the id of a finding" }).regex(/^[a-z_]{1,40}-[0-9a-f]{16}$/, {
      error: "must be the id of a finding, as GET /v1/insights gives it",
    }),
    action: z.enum(ACTIONS, { error: `must be one of ${ACTIONS.join(", ")}` }),
    until: z
      .union([z.iso.date(), z.iso.datetime({ offset: true })], {
        error: "must be a date, such as 2026-11-20, or an RFC 3339 date-time",
      })
      .nullish(),
    note: z.string().max(2_000, { error: "must have at most 2000 characters" }).nullish(),
    days: z
      .int({ error: `must be a whole number from 1 to ${DAYS_MAX}` })
      .min(1)
      .max(DAYS_MAX)
      .default(DEFAULT_DAYS),
  },
  { error: (issue) => (issue.code === "invalid_type" ? 'must be {"finding": ID, "action": …}' : undefined) },
);

/**
 * Reads the body of `POST /v1/insights`. A date in `until` means the end of that day, in UTC. What PostgreSQL cannot hold
 * of a note is replaced, as ingest does.
 */
export function readAction(request: HttpRequest, nowMs: number): FindingAction {
  const parsed = schema.safeParse(readJson(request), { error: faultWords });
  if (!parsed.success) {
    throw refusal(
      parsed.error.issues.flatMap((issue) =>
        issue.code === "unrecognized_keys"
          ? issue.keys.map((name) => ({
              pointer: `/${name.slice(0, 100).replaceAll("~", "~0").replaceAll("/", "~1")}`,
              detail: `is not a field of this; there are ${Object.keys(schema.shape).join(", ")}`,
            }))
          : [{ pointer: issue.path.length === 0 ? "" : `/${issue.path.join("/")}`, detail: issue.message }],
      ),
    );
  }
  const { finding, action, days } = parsed.data;
  const note = parsed.data.note?.toWellFormed().replaceAll("\0", "\u{fffd}") ?? null;
  const until = parsed.data.until === undefined || parsed.data.until === null ? null : parsed.data.until;
  if (action !== "mute") {
    if (until !== null) throw refusal([{ pointer: "/until", detail: "goes with the action mute only" }]);
    return { finding, action, until: null, note, days };
  }
  if (until === null) throw refusal([{ pointer: "/until", detail: "is needed with mute: until when" }]);
  const end = endOf(until, nowMs);
  if (end.getTime() <= nowMs || end.getTime() > nowMs + MUTED_DAYS_MAX * DAY_MS) {
    throw refusal([
      { pointer: "/until", detail: `must be in the future, by at most ${MUTED_DAYS_MAX} days` },
    ]);
  }
  return { finding, action, until: end, note, days };
}

function readJson({ body, contentType }: HttpRequest): unknown {
  if (contentType.split(";")[0]?.trim().toLowerCase() !== "application/json") {
    throw new AppError("unsupported_media_type", "send the body as application/json");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as unknown;
  } catch {
    throw refusal([{ pointer: "", detail: "is not valid JSON in UTF-8" }]);
  }
}

function refusal(errors: readonly { pointer: string; detail: string }[]): AppError {
  return new AppError("bad_request", "the body is not valid; see errors", { errors });
}
