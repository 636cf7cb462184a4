import type { EventSource } from "../../shared/postgres/event-sources.ts";
import { SIGNATURE_SCHEMES } from "./signature-schemes.ts";
import { schemeOf, signedConfig } from "./signed-scheme.ts";
import type { SignatureScheme } from "./verify-signature.ts";

/** How a source's requests are signed; null when its configuration does not say. */
export function findScheme(source: EventSource): SignatureScheme | null {
  if (source.kind !== "signed") return SIGNATURE_SCHEMES[source.kind] ?? null;
  const config = signedConfig.safeParse(source.config);
  return config.success ? schemeOf(config.data) : null;
}
