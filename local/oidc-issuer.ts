import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** Makes the tokens Google makes for pushes and scheduled calls, with a key of its own. */
export interface OidcIssuer {
  /** The JSON Web Key Set the tokens can be checked with. */
  keys: { keys: readonly object[] };
  /** A token of the account for the audience: RS256, valid for an hour, used again until shortly before its end. */
  token: (options: { serviceAccountEmail: string; audience: string }) => Promise<string>;
}

const ISSUER = "https://accounts.google.com";
const LIFETIME_S = 3_600;
const MARGIN_MS = 5 * 60_000;

export async function createOidcIssuer(now: () => number): Promise<OidcIssuer> {
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const kid = crypto.randomUUID();
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: "RS256", use: "sig" };
  // One entry for each subscription and scheduled call, so it stays small.
  const cached = new Map<string, { token: Promise<string>; until: number }>();

  function sign(serviceAccountEmail: string, audience: string): Promise<string> {
    const issuedAt = Math.floor(now() / 1_000);
    return new SignJWT({ email: serviceAccountEmail, email_verified: true, azp: serviceAccountEmail })
      .setProtectedHeader({ alg: "RS256", kid, typ: "JWT" })
      .setIssuer(ISSUER)
      .setSubject(serviceAccountEmail)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + LIFETIME_S)
      .sign(privateKey);
  }

  return {
    keys: { keys: [jwk] },
    token({ serviceAccountEmail, audience }) {
      const key = `${serviceAccountEmail} ${audience}`;
      const known = cached.get(key);
      if (known !== undefined && known.until > now()) return known.token;
      const token = sign(serviceAccountEmail, audience);
      cached.set(key, { token, until: now() + LIFETIME_S * 1_000 - MARGIN_MS });
      return token;
    },
  };
}
