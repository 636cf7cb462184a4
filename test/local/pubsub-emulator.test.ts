import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { prepareEmulator } from "../../local/pubsub-emulator.ts";
import { findEmulator, startEmulator } from "./google-emulator.ts";
import { DEAD_TOPIC, expectPublishAndPush, POLL, subscription, TOPIC } from "./pubsub-publishing.ts";
import { openReceiver } from "./pubsub-receiver.ts";
import { createGithubSource, sendGithub } from "./send-github.ts";
import { asOwner } from "../helpers/tenant.ts";
import { end, endAllRuns, newFolder, readConnection, READY_MS, start, untilReady } from "./started-runs.ts";

vi.setConfig({ testTimeout: 3 * READY_MS });

const found = findEmulator();
const skipped = "missing" in found ? ` [skipped: ${found.missing}]` : "";
const emulators: { end: () => Promise<void> }[] = [];

async function emulator(): Promise<string> {
  if ("missing" in found) throw new Error(found.missing);
  const started = await startEmulator(found);
  emulators.push(started);
  return started.host;
}

afterEach(async () => {
  await endAllRuns();
  for (const each of emulators.splice(0)) await each.end();
});

describe.skipIf("missing" in found)(`with Google's emulator${skipped}`, () => {
  it("messages of the product's publisher are pushed as the stand-in pushes them", async () => {
    const host = await emulator();
    const receiver = await openReceiver();
    try {
      const wanted = {
        topics: [TOPIC, DEAD_TOPIC],
        subscriptions: [
          subscription(`${receiver.url}/push`, {
            oidcToken: { serviceAccountEmail: "push@example.test", audience: "http://events.test" },
            retryPolicy: { minimumBackoffSeconds: 0.1, maximumBackoffSeconds: 1 },
            deadLetterPolicy: { deadLetterTopic: DEAD_TOPIC, maxDeliveryAttempts: 5 },
          }),
        ],
      };
      await prepareEmulator(host, wanted);
      // As a second start does, whose port is another.
      await prepareEmulator(host, wanted);
      await expect(expectPublishAndPush(host, receiver)).resolves.toBeUndefined();
    } finally {
      await receiver.close();
    }
  });

  it("a stack that is started with PUBSUB_EMULATOR_HOST processes what comes in", async () => {
    const host = await emulator();
    const folder = await newFolder();
    const run = start(["--port", "0", "--no-demo", "--data-dir", folder], { PUBSUB_EMULATOR_HOST: host });
    await untilReady(run);
    const { adminDatabaseUrl } = await readConnection(folder);
    const source = await createGithubSource(folder);
    expect(await sendGithub(source, "watch", { action: "started", marker: randomUUID() })).toBe(200);
    await asOwner(adminDatabaseUrl, async (sql) => {
      const statuses = async (): Promise<unknown> => (await sql.query("select status from events")).rows;
      await expect.poll(statuses, POLL).toEqual([{ status: "processed" }]);
    });
    expect(await end(run, "SIGTERM")).toBe(0);
  });
});
