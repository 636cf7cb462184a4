import { z } from "zod";
import { httpUrl } from "./config.ts";
import { kindOfReference } from "./secret-reference.ts";

/** Where references to secrets are looked up. */
export const SECRETS_ENVIRONMENT = {
  /** Folder of `file:` secrets. */
  NETRA_SECRETS_DIR: z.string().optional(),
  NETRA_SECRET_MANAGER_URL: httpUrl.optional(),
};

interface SecretsEnvironment {
  NETRA_SECRETS_DIR?: string | undefined;
  NETRA_SECRET_MANAGER_URL?: string | undefined;
}

function isPasswordReference(reference: string): boolean {
  const kind = kindOfReference(reference);
  return kind === "file" || kind === "version";
}

/** A reference to a password. An `env:` one would be no better than a password in the address itself. */
export const passwordReference = z.string().refine(isPasswordReference, {
  error: "must be file:NAME or projects/PROJECT/secrets/NAME/versions/VERSION, never the password itself",
});

/** What the source of secrets needs of the environment. */
export function secretPlacesOf(config: SecretsEnvironment): {
  directory: string | undefined;
  secretManagerUrl: string | undefined;
} {
  return { directory: config.NETRA_SECRETS_DIR, secretManagerUrl: config.NETRA_SECRET_MANAGER_URL };
}
