// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 needs it there before itself
import "reflect-metadata";
import { createPublicKey, randomBytes, webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type JsonName,
  PemConverter,
  type PublicKeyType,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** Signs certificates; the serial number of each is in upper case, without leading zeros, as TLS tells it. */
export interface CertificateAuthority {
  cert: string;
  /** A certificate and key for a server: a common name, and an address where clients check one. */
  issueServer: (name: string, address?: string) => Promise<{ cert: string; key: string }>;
  /** A client's certificate for a public key in PEM, from `notBefore` until `notAfter`. */
  issueClient: (publicKey: string, notAfter: Date) => Promise<{ cert: string; serial: string }>;
}

const EC = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;
const SERVER_USE = "1.3.6.1.5.5.7.3.1";
const CLIENT_USE = "1.3.6.1.5.5.7.3.2";
const DAY_MS = 86_400_000;

export async function createAuthority(): Promise<CertificateAuthority> {
  const keys = await makeKeys();
  const authority = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: ["Stand-in CA"] }],
    keys,
    signingAlgorithm: EC,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 30 * DAY_MS),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });

  const issue = (
    subject: JsonName,
    publicKey: PublicKeyType,
    use: string,
    notAfter: Date,
    address?: string,
  ): Promise<X509Certificate> =>
    X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject,
      issuer: authority.subject,
      publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: EC,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter,
      extensions: [
        new BasicConstraintsExtension(false),
        new ExtendedKeyUsageExtension([use]),
        ...(address === undefined
          ? []
          : [new SubjectAlternativeNameExtension([{ type: "ip", value: address }])]),
      ],
    });

  return {
    cert: authority.toString("pem"),
    async issueServer(name, address) {
      const server = await makeKeys();
      const notAfter = new Date(Date.now() + DAY_MS);
      const cert = await issue([{ CN: [name] }], server.publicKey, SERVER_USE, notAfter, address);
      const key = await webcrypto.subtle.exportKey("pkcs8", server.privateKey);
      return { cert: cert.toString("pem"), key: PemConverter.encode(key, "PRIVATE KEY") };
    },
    async issueClient(publicKey, notAfter) {
      const der = createPublicKey(publicKey).export({ type: "spki", format: "der" });
      const key = await webcrypto.subtle.importKey("spki", der, RSA, true, ["verify"]);
      const cert = await issue([{ CN: ["Cloud SQL client"] }], key, CLIENT_USE, notAfter);
      return { cert: cert.toString("pem"), serial: plainSerial(cert.serialNumber) };
    },
  };
}

/** A serial number as certificates compare: upper case, without leading zeros. */
export function plainSerial(serial: string): string {
  return serial.toUpperCase().replace(/^0+/, "");
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC, true, ["sign", "verify"]);
}

function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString("hex");
}
