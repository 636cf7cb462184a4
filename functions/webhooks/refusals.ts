import { AppError, type ErrorCode } from "../../shared/errors.ts";

/**
 * Every reason to turn a request away, with the answer that tells its sender so. An address of another kind reads as one
 * that does not exist.
 */
const REFUSALS = {
  unknown_endpoint: ["not_found", "there is no such endpoint"],
  wrong_kind: ["not_found", "there is no such endpoint"],
  disabled: ["gone", "this endpoint has been switched off"],
  too_large: ["too_large", "the body is larger than this sender may send"],
  rate_limited: ["rate_limited", "this endpoint has taken all it takes for now"],
  misconfigured: ["unavailable", "the configuration of this endpoint is not complete"],
  no_secret: ["unavailable", "the signature cannot be checked right now"],
  crowded_out: ["unavailable", "too many large bodies at once; send it again"],
  missing_signature: ["unauthorized", "the request is not signed"],
  bad_signature: ["unauthorized", "the signature is not one of this endpoint's"],
  stale_timestamp: ["unauthorized", "the request is not signed for this time"],
  bad_token: ["unauthorized", "the request carries no token of an account that may send here"],
  unparseable: ["bad_request", "the body cannot be read"],
  not_storable: ["bad_request", "the request holds what cannot be stored"],
} as const satisfies Record<string, readonly [ErrorCode, string]>;

export type RefusalReason = keyof typeof REFUSALS;

const RETRY_AFTER_SECONDS = 5;

/** The answer for a reason. */
export function refusalOf(reason: RefusalReason, options: { retryAfterSeconds?: number } = {}) {
  const [code, message] = REFUSALS[reason];
  const retryAfterSeconds =
    options.retryAfterSeconds ?? (code === "unavailable" ? RETRY_AFTER_SECONDS : undefined);
  return new AppError(code, message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
}

/** The reason in words, for operators. */
export function messageOf(reason: RefusalReason): string {
  return reason === "wrong_kind" ? "the endpoint is of another kind of sender" : REFUSALS[reason][1];
}

/** A failure of the database as "come again": the sender is not to blame. */
export function unavailable(cause: unknown): AppError {
  return new AppError("unavailable", "the event could not be stored; send it again", {
    cause,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });
}
