import { v5 as uuidv5 } from "uuid";

/** A namespace of our own, so that no other maker of version 5 ids arrives at the same ones. */
const NAMESPACE = "6f1f5f0a-6c0e-4f6b-9b53-5d2a0c1f7e84";

/**
 * The id of what a provider knows by an id of its own: a repository of GitHub, a project of Linear. It is made of the
 * organization and the provider's id alone, so that whichever event comes first makes the same one.
 */
export function entityId(organizationId: string, provider: string, externalId: string): string {
  return uuidv5(`${organizationId}:${provider}:${externalId}`.toWellFormed(), NAMESPACE);
}
