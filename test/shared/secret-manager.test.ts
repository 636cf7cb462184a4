import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { crc32c } from "../../shared/crc32c.ts";
import { createSecretSource, SecretMissing, type SecretSource } from "../../shared/secret-source.ts";
import { type MetadataServer, startMetadataServer } from "../helpers/google-metadata.ts";
import { type SecretManagerServer, startSecretManager } from "../helpers/secret-manager-server.ts";

const PROJECT = "netra-test";
const PASSWORD = `projects/${PROJECT}/secrets/password/versions/latest`;

let metadata: MetadataServer;
let server: SecretManagerServer;
let now: number;
let logged: { severity: string; message: string; fields: unknown }[];
let secrets: SecretSource;

beforeAll(async () => {
  metadata = await startMetadataServer({
    projectId: PROJECT,
    email: `webhooks@${PROJECT}.iam.gserviceaccount.com`,
  });
  for (const [name, value] of Object.entries(metadata.env)) vi.stubEnv(name, value);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await metadata.close();
});

beforeEach(async () => {
  server = await startSecretManager({ projectId: PROJECT, accountOf: metadata.accountOf });
  now = 1_000_000;
  logged = [];
  secrets = createSecretSource({
    env: {},
    directory: undefined,
    secretManagerUrl: server.url,
    log: (severity, message, fields) => logged.push({ severity, message, fields }),
    now: () => now,
  });
});

afterEach(() => server.close());

describe("Secret Manager through Google's client", () => {
  it("reads versions by number, by alias and the latest, as the account of the instance", async () => {
    server.add("password", "first\n");
    server.add("password", "second");
    server.setAlias("password", "current", 1);
    const expected = { "1": "first", "2": "second", current: "first", latest: "second" };
    for (const [version, value] of Object.entries(expected)) {
      expect(await secrets.read(`projects/${PROJECT}/secrets/password/versions/${version}`)).toBe(value);
    }
    expect(metadata.tokensGiven()).toBeGreaterThan(0);
  });

  it("asks once for all who want a secret at the same time, and again after five minutes: rotation needs no restart", async () => {
    server.add("password", "first");
    expect(await Promise.all(Array.from({ length: 20 }, () => secrets.read(PASSWORD)))).toEqual(
      Array.from({ length: 20 }, () => "first"),
    );
    expect(server.requests).toHaveLength(1);
    server.add("password", "second");
    expect(await secrets.read(PASSWORD)).toBe("first");
    now += 5 * 60_000;
    expect(await secrets.read(PASSWORD)).toBe("second");
  });

  it("asks again at once when a secret did not work", async () => {
    server.add("password", "first");
    await secrets.read(PASSWORD);
    server.add("password", "second");
    now += 10_000;
    secrets.forget(PASSWORD);
    expect(await secrets.read(PASSWORD)).toBe("second");
  });

  it("follows an alias that was moved", async () => {
    server.add("password", "first");
    server.add("password", "second");
    server.setAlias("password", "current", 1);
    const reference = `projects/${PROJECT}/secrets/password/versions/current`;
    expect(await secrets.read(reference)).toBe("first");
    server.setAlias("password", "current", 2);
    now += 5 * 60_000;
    expect(await secrets.read(reference)).toBe("second");
  });

  it.each([
    ["an outage", 503],
    ["too many requests", 429],
    ["a right that was taken away", 403],
    ["bytes that do not match their checksum", "damage"],
    ["no answer", "hang"],
  ] as const)(
    "goes on with the last value for an hour through %s, and raises an alarm",
    async (_name, fault) => {
      server.add("password", "first");
      await secrets.read(PASSWORD);
      server.setFault(fault);
      now += 6 * 60_000;
      expect(await secrets.read(PASSWORD)).toBe("first");
      expect(logged).toMatchObject([{ severity: "ERROR", fields: { reference: PASSWORD } }]);
      expect(JSON.stringify(logged)).not.toContain('"first"');
      now += 60 * 60_000;
      await expect(secrets.read(PASSWORD)).rejects.toBeInstanceOf(Error);
      server.setFault(null);
      expect(await secrets.read(PASSWORD)).toBe("first");
    },
  );

  it("gives no damaged secret out at all", async () => {
    server.add("password", "first");
    server.setFault("damage");
    await expect(secrets.read(PASSWORD)).rejects.toThrow("checksum");
    await expect(secrets.read(PASSWORD)).rejects.not.toBeInstanceOf(SecretMissing);
  });

  it("gets over one request that fails without anybody noticing", async () => {
    server.add("password", "first");
    server.setFault(503);
    const read = secrets.read(PASSWORD);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    server.setFault(null);
    expect(await read).toBe("first");
  });

  it.each(["DISABLED", "DESTROYED"] as const)(
    "stops with a version that is %s, also when it is the newest and others are there, and raises an alarm",
    async (state) => {
      server.add("password", "first");
      server.add("password", "second");
      expect(await secrets.read(PASSWORD)).toBe("second");
      server.setState("password", 2, state);
      now += 6 * 60_000;
      await expect(secrets.read(PASSWORD)).rejects.toBeInstanceOf(SecretMissing);
      expect(logged).toMatchObject([{ severity: "ERROR", fields: { reference: PASSWORD } }]);
      server.setState("password", 2, "ENABLED");
      expect(await secrets.read(PASSWORD)).toBe("second");
    },
  );

  it("has no secret by a name that does not exist or is none, and does not ask for the latter", async () => {
    await expect(secrets.read(PASSWORD)).rejects.toBeInstanceOf(SecretMissing);
    expect(server.requests).toHaveLength(1);
    for (const name of [
      `projects/${PROJECT}/secrets/password`,
      `projects/${PROJECT}/secrets/../../x/versions/1`,
      "projects/",
      `projects/${PROJECT}/secrets/a/versions/1:access?x=`,
    ]) {
      await expect(secrets.read(name)).rejects.toBeInstanceOf(SecretMissing);
    }
    expect(server.requests).toHaveLength(1);
  });

  it("does not take a refusal for a secret that is gone", async () => {
    const foreign = "projects/somebody-else/secrets/password/versions/1";
    await expect(secrets.read(foreign)).rejects.toMatchObject({ code: 7 });
  });
});

describe("crc32c", () => {
  it("has the check values of the standard", () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
    // RFC 3720, B.4.
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  });
});
