import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { EventSource } from "../../shared/postgres/event-sources.ts";
import { pathOf } from "../../shared/runtime/guard.ts";
import { readAddress } from "./address.ts";
import type { WebhooksContext } from "./context.ts";
import { findScheme } from "./find-scheme.ts";
import { findActive } from "./find-source.ts";
import type { RefusalReason } from "./refusals.ts";
import { findSignatureFault } from "./verify-signature.ts";

/**
 * Whether a large body gets room before its sender is proved: only for an address that is served, with a signature that
 * could be one. Throws where the source cannot be looked up.
 */
export function createAdmission(
  context: Pick<WebhooksContext, "sources">,
): (request: IncomingMessage) => Promise<boolean> {
  return async (request) => {
    const address = readAddress(pathOf(request));
    if (address === null || request.method !== "POST") return false;
    const source = await findActive(context.sources, address.endpointId);
    if (source === null || source.kind !== address.kind || source.status !== "active") return false;
    return findHeadFault(source, request.headers) === null;
  };
}

const BEARER = /^bearer [\w-]+\.[\w-]+\.[\w-]+$/i;

/** What is wrong with how a request to a source proves itself, as far as its head tells; null when nothing is. */
export function findHeadFault(source: EventSource, headers: IncomingHttpHeaders): RefusalReason | null {
  if (source.kind === "cloud-build" || source.kind === "cloud-deploy") {
    return BEARER.test(headers.authorization ?? "") ? null : "bad_token";
  }
  const scheme = findScheme(source);
  return scheme === null ? "misconfigured" : findSignatureFault(scheme, headers);
}
