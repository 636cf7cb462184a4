import { createServer } from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { crc32c } from "../../shared/crc32c.ts";
import { createSecretSource, SecretMissing, type SecretSource } from "../../shared/secret-source.ts";
import {
  closeServer,
  listenOn,
  type MetadataServer,
  startMetadataServer,
} from "../helpers/google-metadata.ts";
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

  it("has nobody wait through an outage: the next tries are made beside what goes on", async () => {
    server.add("password", "first");
    await secrets.read(PASSWORD);
    server.setFault("hang");
    now += 6 * 60_000;
    expect(await secrets.read(PASSWORD)).toBe("first");
    const tries = server.requests.length;
    now += 31_000;
    const reads = Array.from({ length: 50 }, () => secrets.read(PASSWORD));
    expect(new Set(await Promise.all(reads))).toEqual(new Set(["first"]));
    // They were answered before Secret Manager was.
    expect(server.requests).toHaveLength(tries);
    server.setFault(null);
    server.add("password", "second");
    await vi.waitFor(
      async () => {
        now += 31_000;
        expect(await secrets.read(PASSWORD)).toBe("second");
      },
      { timeout: 10_000, interval: 200 },
    );
  });

  it("ends with a secret that turns out to be gone once an outage is over", async () => {
    server.add("password", "first");
    await secrets.read(PASSWORD);
    server.setFault(503);
    now += 6 * 60_000;
    expect(await secrets.read(PASSWORD)).toBe("first");
    server.setFault(null);
    server.setState("password", 1, "DESTROYED");
    now += 31_000;
    await vi.waitFor(() => expect(secrets.read(PASSWORD)).rejects.toBeInstanceOf(SecretMissing), {
      timeout: 10_000,
    });
    await expect(secrets.read(PASSWORD)).rejects.toBeInstanceOf(SecretMissing);
  });

  it("waits for another value where the one that goes on through an outage did not work", async () => {
    server.add("password", "first");
    await secrets.read(PASSWORD);
    server.setFault(503);
    now += 6 * 60_000;
    await secrets.read(PASSWORD);
    server.setFault(null);
    server.add("password", "second");
    now += 10_000;
    secrets.forget(PASSWORD);
    expect(await secrets.read(PASSWORD)).toBe("second");
  });

  it("is away for all who ask at once after two tries", async () => {
    server.add("password", "first");
    server.setFault(503);
    const reads = await Promise.allSettled(Array.from({ length: 1_000 }, () => secrets.read(PASSWORD)));
    expect(new Set(reads.map(({ status }) => status))).toEqual(new Set(["rejected"]));
    expect(server.requests).toHaveLength(2);
  });

  it.each([
    ["in time", null, /does not answer in time/],
    ["at all", 404, /Could not refresh access token/],
    ["it understands", 400, /Could not refresh access token/],
  ])("is away, not gone, when the platform gives no token %s", async (_how, status, said) => {
    server.add("password", "first");
    const platform = createServer((_request, response) => {
      if (status !== null) response.writeHead(status, { "metadata-flavor": "Google" }).end();
    });
    const { port } = await listenOn(platform, "127.0.0.1", 0);
    onTestFinished(async () => {
      vi.stubEnv("GCE_METADATA_HOST", metadata.env["GCE_METADATA_HOST"]);
      await closeServer(platform);
    });
    vi.stubEnv("GCE_METADATA_HOST", `127.0.0.1:${port}`);
    const failure: unknown = await secrets.read(PASSWORD).catch((error: unknown) => error);
    expect(failure).not.toBeInstanceOf(SecretMissing);
    expect(failure).toMatchObject({ message: expect.stringMatching(said) as unknown });
  });

  it("gets a new token when the one it has does not hold any more", async () => {
    server.add("password", "first");
    await secrets.read(PASSWORD);
    const given = metadata.tokensGiven();
    server.revokeTokens();
    server.add("password", "second");
    now += 6 * 60_000;
    expect(await secrets.read(PASSWORD)).toBe("second");
    expect(metadata.tokensGiven()).toBe(given + 1);
    expect(logged).toEqual([]);
  });

  it("reads a large secret whole, and refuses one that is no text", async () => {
    const large = "é".repeat(32 * 1024);
    server.add("large", large);
    expect(await secrets.read(`projects/${PROJECT}/secrets/large/versions/1`)).toBe(large);
    server.add("bytes", Buffer.from([0xff, 0x41, 0x80]));
    await expect(secrets.read(`projects/${PROJECT}/secrets/bytes/versions/1`)).rejects.toMatchObject({
      code: "ERR_ENCODING_INVALID_ENCODED_DATA",
    });
  });

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
