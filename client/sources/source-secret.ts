import { randomBytes } from "node:crypto";
import { SOURCE_CONFIGS } from "../../shared/event-source-config.ts";
import type { SourceKind } from "../../shared/event-source.ts";
import { kindOfReference } from "../../shared/secret-reference.ts";
import { readSigningKey, secretFormatOf } from "../../shared/signing-secret.ts";
import type { CommandIo } from "../command.ts";
import type { ConnectionSource } from "../connection.ts";
import { findLocalDataDirectory } from "../connection.ts";
import { UsageError } from "../exit-codes.ts";
import { writeLocalSecret } from "../local-secrets.ts";
import { randomText } from "../random-text.ts";
import { readSecretFromStdin } from "../read-stdin.ts";
import { SENDERS } from "./senders.ts";

/** A secret about to become a source's. */
export interface NewSecret {
  /** Makes it readable for the server and gives the reference to store. */
  store: () => string;
  /** The secret to hand to the sender; null when the sender knows it already. */
  shown: string | null;
}

const HOW_TO_REFER =
  "--secret-ref file:NAME for a file of NETRA_SECRETS_DIR of the webhooks function (on Cloud Run file:FOLDER/NAME, where a " +
  "version of Secret Manager is mounted), --secret-ref projects/PROJECT/secrets/NAME/versions/VERSION for one it reads from there itself, " +
  "or --secret-ref env:NAME for a variable of its environment (gcloud run deploy --set-secrets)";

export function checkReference(option: string, reference: string): string {
  if (kindOfReference(reference) !== null) return reference;
  const name = /^(?:env|file|projects\/)/.test(reference) ? ` "${reference}"` : "";
  // What does not look like a reference may be the secret itself.
  throw new UsageError(
    `--${option} must be env:NAME or file:NAME, or projects/PROJECT/secrets/NAME/versions/VERSION; it says where a secret ` +
      `is, never what it is${name}`,
  );
}

/**
 * The secret the options ask for: a reference, one from stdin, or a new one. Null when there is none to be had yet: the
 * kind has none, or its sender makes it once it has the address. Throws UsageError saying what to give.
 */
export async function readNewSecret(
  source: ConnectionSource,
  io: CommandIo,
  wanted: {
    kind: SourceKind;
    config: Readonly<Record<string, unknown>>;
    secretRef: string | undefined;
    fromStdin: boolean;
    /** Whether a secret that its sender makes later may be missing now. */
    mayWait: boolean;
  },
): Promise<NewSecret | null> {
  const { kind, config, secretRef, fromStdin } = wanted;
  const sender = SENDERS[kind].secret;
  const isGiven = secretRef !== undefined || fromStdin;
  if (sender === "none") {
    if (isGiven) throw new UsageError(`${kind} has no secret: its pushes are proved by tokens of Google's`);
    return null;
  }
  if (secretRef !== undefined && fromStdin)
    throw new UsageError("give --secret-ref or --secret-stdin, not both");
  if (secretRef !== undefined) {
    const reference = checkReference("secret-ref", secretRef);
    return { store: () => reference, shown: null };
  }
  if (!fromStdin && sender === "theirs-later" && wanted.mayWait) return null;
  const folder = findLocalDataDirectory(source);
  if (folder === null) {
    const refused = fromStdin ? "secrets are stored for a local server only: give" : "the secret is needed:";
    throw new UsageError(`${refused} ${HOW_TO_REFER}`);
  }
  if (!fromStdin && sender !== "ours")
    throw new UsageError(`${kind} makes the secret itself: give it with --secret-stdin`);
  const value = fromStdin ? await readSecretFromStdin(io) : generateSecret(kind, config);
  checkSecret(kind, config, value);
  return {
    store: () => writeLocalSecret(folder, `source-${kind}-${randomText(16)}`, value),
    shown: fromStdin ? null : value,
  };
}

function generateSecret(kind: SourceKind, config: Readonly<Record<string, unknown>>): string {
  if (kind === "standard") return `whsec_${randomBytes(32).toString("base64")}`;
  if (kind !== "signed") return randomText(43);
  const { secret } = SOURCE_CONFIGS.signed.parse(config);
  const value = secret.encoding === "utf8" ? randomText(43) : randomBytes(32).toString(secret.encoding);
  return `${secret.strip_prefix ?? ""}${value}`;
}

/** A secret that cannot be decoded would make every request fail later, without a word as to why. */
function checkSecret(kind: SourceKind, config: Readonly<Record<string, unknown>>, value: string): void {
  const format = secretFormatOf(kind, config);
  if (readSigningKey(format, value) !== null) return;
  if (kind === "standard")
    throw new UsageError(
      "the secret must be whsec_ and plain base64 (with + and /, not - and _) after it, or whpk_ and the base64 of the " +
        "32 bytes of a public key",
    );
  throw new UsageError(`the secret is not ${format.encoding}, which this source's config says it is`);
}
