import type { z } from "zod";
import { SOURCE_CONFIGS } from "../../shared/event-source-config.ts";
import type { SignatureScheme } from "./verify-signature.ts";

/** The configuration of a source of kind `signed`. */
export const signedConfig = SOURCE_CONFIGS.signed;
export type SignedConfig = z.output<typeof signedConfig>;

/** The header of the id where the template has it, so that it is signed. */
export function signedIdHeader({ id, template }: SignedConfig): string | undefined {
  return template.includes("{id}") && id !== undefined && "header" in id ? id.header : undefined;
}

/** The scheme a configuration describes. */
export function schemeOf(config: SignedConfig): SignatureScheme {
  const { timestamp, secret } = config;
  const idHeader = signedIdHeader(config);
  return {
    headers: [
      {
        signature: config.header,
        ...(timestamp !== undefined && "header" in timestamp ? { timestamp: timestamp.header } : {}),
        ...(idHeader === undefined ? {} : { id: idHeader }),
      },
    ],
    ...(config.item_separator === undefined ? {} : { itemSeparator: config.item_separator }),
    ...(config.field_separator === undefined ? {} : { fieldSeparator: config.field_separator }),
    ...(config.field === undefined ? {} : { field: config.field }),
    variants: [{ prefix: config.prefix ?? "", algorithm: config.algorithm, encoding: config.encoding }],
    template: config.template,
    anyCase: true,
    ...(timestamp === undefined
      ? {}
      : {
          timestamp: {
            ...("field" in timestamp ? { field: timestamp.field } : {}),
            unitMs: timestamp.unit === "s" ? 1_000 : 1,
            toleranceMs: timestamp.tolerance_seconds * 1_000,
          },
        }),
    ...(idHeader === undefined ? {} : { idPattern: /./ }),
    secret: {
      encoding: secret.encoding,
      ...(secret.strip_prefix === undefined ? {} : { stripPrefix: secret.strip_prefix }),
    },
  };
}
