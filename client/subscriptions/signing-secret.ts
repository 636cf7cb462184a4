import { randomBytes } from "node:crypto";
import type { ConnectionSource } from "../connection.ts";
import { findLocalDataDirectory } from "../connection.ts";
import { UsageError } from "../exit-codes.ts";
import { writeLocalSecret } from "../local-secrets.ts";
import { randomText } from "../random-text.ts";
import { checkReference } from "../sources/source-secret.ts";

/** A signing secret about to become a subscription's. */
export interface SigningSecret {
  reference: string;
  /** To hand to the receiver; null when it was made elsewhere. */
  shown: string | null;
}

/**
 * The secret deliveries are signed with: the one a reference names, or, for the local server, a new one that is stored
 * beside its data. Throws UsageError saying what to give.
 */
export function takeSigningSecret(source: ConnectionSource, secretRef: string | undefined): SigningSecret {
  if (secretRef !== undefined) return { reference: checkReference("secret-ref", secretRef), shown: null };
  const folder = findLocalDataDirectory(source);
  if (folder === null) {
    throw new UsageError(
      "deliveries are signed, and only a local server's secrets are made here: make one, whsec_ and base64 of 32 random " +
        "bytes, put it where the events function reads secrets, and give --secret-ref file:NAME for a file of its " +
        "NETRA_SECRETS_DIR (on Cloud Run file:FOLDER/NAME, where a version of Secret Manager is mounted), a version of " +
        "Secret Manager itself, or --secret-ref env:NAME",
    );
  }
  const shown = `whsec_${randomBytes(32).toString("base64")}`;
  return { reference: writeLocalSecret(folder, `subscription-${randomText(16)}`, shown), shown };
}
