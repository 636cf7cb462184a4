import { AppError } from "../../shared/errors.ts";
import { SOURCE_CONFIGS } from "../../shared/event-source-config.ts";
import type { HttpRequest } from "../../shared/http.ts";
import type { OidcVerifier } from "../../shared/oidc.ts";
import type { EventSource } from "../../shared/postgres/event-sources.ts";
import type { RefusalReason } from "./refusals.ts";

/** The configuration of a source that Pub/Sub pushes to; the same for both of them. */
const pushConfig = SOURCE_CONFIGS["cloud-build"];

type VerifiedPush =
  | { kind: "verified"; body: Buffer; secretId: null }
  | { kind: "refused"; reason: RefusalReason };

/**
 * Proves a push by the token of its service account: one of those its source names, made for the audience it names.
 * Without Google's keys it throws "come again".
 */
export async function verifyPush(
  oidc: OidcVerifier,
  source: EventSource,
  request: HttpRequest,
): Promise<VerifiedPush> {
  const expected = pushConfig.safeParse(source.config);
  if (!expected.success) return { kind: "refused", reason: "misconfigured" };
  try {
    await oidc.verify(request, expected.data);
    return { kind: "verified", body: request.body, secretId: null };
  } catch (error) {
    const isRefused = error instanceof AppError && error.code === "unauthorized";
    if (isRefused) return { kind: "refused", reason: "bad_token" };
    throw error;
  }
}
