import type { LookupAddress } from "node:dns";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ResolveHost } from "../../../../functions/events/deliver/send-https.ts";
import { faultOfTopic, faultOfUrl, faultOfUrlNow } from "../../../../shared/delivery-target.ts";
import { isPublicAddress } from "../../../../shared/public-address.ts";
import { makeCertificate } from "../../../helpers/certificate.ts";
import { type DeliveryScene, startDeliveryScene } from "../../../helpers/deliverer.ts";
import { type Receiver, startReceiver } from "../../../helpers/receiver.ts";

/** What this file guards: no subscription makes the function call what only its own network reaches. */

/** DNS that answers each look-up with the next of these, and the last one from then on. */
function dns(...answers: string[][]): ResolveHost & { asked: () => number } {
  let asked = 0;
  const resolve: ResolveHost = (_host, callback) => {
    const addresses = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  };
  return Object.assign(resolve, { asked: () => asked });
}

const answers =
  (...addresses: string[]) =>
  (): Promise<LookupAddress[]> =>
    Promise.resolve(addresses.map((address) => ({ address, family: 4 })));

describe("addresses", () => {
  it.each([
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2600::1%eth0",
    "fec0::1",
    "ff02::1",
    "",
    "localhost",
    "1.2.3",
    "127.1",
  ])("%j is not of the public internet", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each([
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.167.255.255",
    "198.17.255.255",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2600:1901::1",
    "2a00:1450:4001::1",
  ])("%s is", (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
});

describe("addresses as they are typed", () => {
  it.each([
    "https://127.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1./",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://0/",
    "https://127%2e0%2e0%2e1/",
    "https://１２７.０.０.１/",
    "https://127。0。0。1/",
    "https://169.254.169.254/computeMetadata/v1/",
    "https://2852039166/",
    "https://[::1]/",
    "https://[::]/",
    "https://[0:0:0:0:0:0:0:1]:8443/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::169.254.169.254]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[fe80::1]/",
    "https://[fd00:ec2::254]/",
    "https:10.0.0.1",
    "https:\\\\10.0.0.1\\",
    "http://example.com/",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1/",
    "javascript:alert(1)",
    "data:text/plain,x",
    "https://user@example.com/",
    "https://user:password@example.com/",
    "https://",
    "example.com",
    "",
    `https://example.com/${"x".repeat(2_000)}`,
  ])("%s is refused", (text) => {
    expect(faultOfUrl(text, false)).not.toBeNull();
  });

  it.each([
    "https://example.com/hooks?x=1",
    "https://example.com:8443/",
    "https://8.8.8.8/",
    "https://[2001:4860:4860::8888]/",
    "https://bücher.example/",
  ])("%s is taken", (text) => {
    expect(faultOfUrl(text, false)).toBeNull();
  });

  it("http and private addresses are taken where that is allowed, users in them and other schemes never", () => {
    expect(faultOfUrl("http://127.0.0.1:8080/", true)).toBeNull();
    expect(faultOfUrl("http://user:x@127.0.0.1/", true)).not.toBeNull();
    expect(faultOfUrl("file:///etc/passwd", true)).not.toBeNull();
  });

  it("a name is looked up when it is typed; one of its addresses is enough to refuse it", async () => {
    expect(await faultOfUrlNow("https://example.com/", answers("8.8.8.8"))).toBeNull();
    expect(await faultOfUrlNow("https://example.com/", answers("8.8.8.8", "10.0.0.1"))).toMatch(/public/);
    expect(await faultOfUrlNow("https://127.0.0.1/", answers("8.8.8.8"))).toMatch(/public/);
    expect(
      await faultOfUrlNow("https://not-yet.example/", () => Promise.reject(new Error("ENOTFOUND"))),
    ).toBeNull();
  });

  it.each([
    "projects/p-1/topics",
    "projects/x/topics/",
    "topics/t",
    "projects/p-123/topics/a/b",
    "projects/../topics/abc",
    "projects/p-123/topics/goog-x",
  ])("%s is no topic", (topic) => {
    expect(faultOfTopic(topic)).not.toBeNull();
  });

  it.each(["projects/my-project/topics/events", "projects/example.com:p-1/topics/a.b_c~d+e%f"])(
    "%s is a topic",
    (topic) => {
      expect(faultOfTopic(topic)).toBeNull();
    },
  );
});

describe("what is connected to", () => {
  let scene: DeliveryScene;
  let receiver: Receiver;
  const tls = makeCertificate();
  beforeAll(async () => {
    scene = await startDeliveryScene();
  });
  afterAll(() => scene.close());
  beforeEach(async () => {
    receiver = await startReceiver(tls);
  });
  afterEach(async () => {
    await receiver.close();
    await scene.owner.query("delete from event_deliveries");
    await scene.owner.query("delete from event_subscriptions");
  });

  async function attempt(target: string, resolveHost: ResolveHost, privateTargets = false) {
    await scene.subscribe({ target });
    const [key] = await scene.route();
    const deliverer = scene.createDeliverer({ resolveHost, privateTargets, ca: tls.cert, timeoutMs: 3_000 });
    await deliverer.deliver(key!);
    return scene.readDelivery(key!);
  }

  it("the receiver of these tests is reached by its name when private addresses are allowed", async () => {
    const lookups = dns(["127.0.0.1"]);
    const row = await attempt(`https://receiver.example.com:${receiver.port}/`, lookups, true);

    expect(row.status).toBe("delivered");
    expect(receiver.requests).toHaveLength(1);
  });

  it.each([
    ["127.0.0.1"],
    ["::ffff:127.0.0.1"],
    ["8.8.8.8", "127.0.0.1"],
    ["127.0.0.1", "8.8.8.8"],
    ["::1"],
    [],
  ])("a name that leads to %j %s is not called", async (...addresses) => {
    const row = await attempt(`https://receiver.example.com:${receiver.port}/`, dns(addresses));

    expect(receiver.requests).toEqual([]);
    expect(row).toMatchObject({ status: "failed", last_error: expect.stringMatching(/^blocked_address: /) });
  });

  it("a name that was public when it was typed and is private now is not called: each attempt asks once and checks that answer", async () => {
    const target = `https://receiver.example.com:${receiver.port}/`;
    const typed = dns(["8.8.8.8"]);
    const fault = await faultOfUrlNow(
      target,
      (host) => new Promise((resolve) => typed(host, (_error, addresses) => resolve(addresses))),
    );
    expect(fault).toBeNull();

    const rebound = dns(["127.0.0.1"], ["8.8.8.8"]);
    const row = await attempt(target, rebound);

    expect(rebound.asked()).toBe(1);
    expect(receiver.requests).toEqual([]);
    expect(row.last_error).toMatch(/^blocked_address: /);
  });

  it("what was checked is what is connected to: a second answer is never asked for", async () => {
    const lookups = dns(["127.0.0.1"], ["203.0.113.1"]);
    await attempt(`https://receiver.example.com:${receiver.port}/`, lookups, true);

    expect(lookups.asked()).toBe(1);
    expect(receiver.requests).toHaveLength(1);
  });

  it.each(["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "127.0.0.1."])(
    "a literal address %s in a stored subscription is not called",
    async (host) => {
      const row = await attempt(`https://${host}:${receiver.port}/`, dns(["8.8.8.8"]));

      expect(receiver.requests).toEqual([]);
      expect(row.last_error).toMatch(/^blocked_address: /);
    },
  );

  it("http is not called", async () => {
    const plain = await startReceiver();
    try {
      const row = await attempt(plain.url, dns(["8.8.8.8"]));
      expect(plain.requests).toEqual([]);
      expect(row.last_error).toMatch(/^blocked_address: /);
    } finally {
      await plain.close();
    }
  });

  it("a name that cannot be looked up is a failure that is tried again", async () => {
    const row = await attempt("https://receiver.example.com/", (_host, callback) =>
      callback(Object.assign(new Error("no"), { code: "ENOTFOUND" }), []),
    );
    expect(row).toMatchObject({ status: "failed", last_error: "connection: ENOTFOUND" });
  });
});
