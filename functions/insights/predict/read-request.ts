import { z } from "zod";
import { executionInput } from "../../../shared/agent/execution.ts";
import { parseUsd } from "../../../shared/agent/usd.ts";
import { AppError, type Fault } from "../../../shared/errors.ts";
import { faultWords } from "../../../shared/fault-words.ts";
import type { HttpRequest } from "../../../shared/http.ts";
import { COMMANDS_MAX, FAULTS_MAX, MAX_USD_MAX } from "./limits.ts";

/** One command to be predicted, as it was sent. */
export interface AskedCommand {
  command: string;
  repository: string | null;
  model: string | null;
}

type AskedItem = AskedCommand | { errors: Fault[] };

export interface PredictRequest {
  isBatch: boolean;
  items: AskedItem[];
  /** In pico-dollars; null when no budget was given. */
  maxUsd: bigint | null;
}

const { command, workspace, session, model } = executionInput.shape;
const LARGEST_PICO = BigInt(MAX_USD_MAX) * 10n ** 12n;
const NOT_A_BUDGET = `must be dollars from 0 to ${MAX_USD_MAX}, as a number or as decimal text`;

const shared = { workspace, session, model };
const maxUsd = z.union([z.number(), z.string()], { error: NOT_A_BUDGET }).transform((value, context) => {
  const pico = parseUsd(String(value));
  if (pico !== null && pico >= 0n && pico <= LARGEST_PICO) return pico;
  context.addIssue({ code: "custom", message: NOT_A_BUDGET });
  return z.NEVER;
});
const single = z.strictObject({ command, ...shared, max_usd: maxUsd.nullish() });
const batch = z.strictObject({
  commands: z.array(z.unknown()).min(1, "must hold at least one command"),
  ...shared,
  max_usd: maxUsd.nullish(),
});
const item = z.preprocess(
  (value) => (typeof value === "string" ? { command: value } : value),
  z.strictObject({ command, ...shared }),
);

/**
 * Reads the body of `POST /v1/predict`: one command, or `{"commands": […]}`, whose items stand or fall alone and take what
 * they do not tell from beside the list.
 * @throws AppError bad_request, too_large or unsupported_media_type for what makes the whole of it unreadable.
 */
export function readPredictRequest(request: HttpRequest): PredictRequest {
  const body = readJson(request);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw refusal([{ pointer: "", detail: 'must be {"command": "…"} or {"commands": […]}' }]);
  }
  if (!("commands" in body)) {
    const parsed = single.safeParse(body, { error: faultWords });
    if (!parsed.success) throw refusal(faultsOf(parsed.error.issues, ""));
    return { isBatch: false, items: [askedOf(parsed.data, {})], maxUsd: parsed.data.max_usd ?? null };
  }
  const parsed = batch.safeParse(body, { error: faultWords });
  if (!parsed.success) throw refusal(faultsOf(parsed.error.issues, ""));
  const { commands, ...defaults } = parsed.data;
  if (commands.length > COMMANDS_MAX) {
    throw new AppError(
      "too_large",
      `at most ${COMMANDS_MAX} commands are predicted at once; send the rest in another`,
    );
  }
  const items = commands.map((value, index): AskedItem => {
    const read = item.safeParse(value, { error: faultWords });
    return read.success
      ? askedOf(read.data, defaults)
      : { errors: faultsOf(read.error.issues, `/commands/${index}`) };
  });
  const errors = items.flatMap((one) => ("errors" in one ? one.errors : []));
  if (items.every((one) => "errors" in one)) throw refusal(errors.slice(0, FAULTS_MAX));
  return { isBatch: true, items, maxUsd: defaults.max_usd ?? null };
}

interface Told {
  workspace?: z.output<typeof workspace>;
  model?: z.output<typeof model>;
}

function askedOf(told: Told & { command: string }, defaults: Told): AskedCommand {
  return {
    command: told.command,
    repository: (told.workspace ?? defaults.workspace)?.repository ?? null,
    model: told.model ?? defaults.model ?? null,
  };
}

function readJson({ body, contentType, contentEncoding }: HttpRequest): unknown {
  const mediaType = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  if (mediaType !== "application/json") {
    throw new AppError("unsupported_media_type", "send the question as content-type application/json");
  }
  if (contentEncoding !== "" && contentEncoding !== "identity") {
    throw new AppError("unsupported_media_type", "send the question without a content-encoding");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) as unknown;
  } catch {
    // What the parser says quotes the text, which may be a prompt.
    throw new AppError("bad_request", "the body is not valid JSON in UTF-8");
  }
}

type Issue = { code: string; path: readonly PropertyKey[]; message: string; keys?: readonly string[] };

function faultsOf(issues: readonly Issue[], at: string): Fault[] {
  return issues
    .flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? (issue.keys ?? []).map((key) => ({
            pointer: at + pointerTo(...issue.path, key),
            detail:
              "is not a field of a prediction; there are command, workspace, model and session, and beside them max_usd",
          }))
        : [{ pointer: at + pointerTo(...issue.path), detail: issue.message }],
    )
    .slice(0, FAULTS_MAX);
}

function pointerTo(...path: readonly PropertyKey[]): string {
  return path
    .map((step) => `/${String(step).slice(0, 100).replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

function refusal(errors: readonly Fault[]): AppError {
  return new AppError("bad_request", "nothing of this can be predicted; see errors", { errors });
}
