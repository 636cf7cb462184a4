import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { DataFolder } from "../../local/data-folder.ts";
import { StartError } from "../../local/start-error.ts";

async function newFolder(): Promise<string> {
  return mkdtemp(join(inject("testStack").folder, "data-"));
}

it("belongs to one start at a time, and to the next once that one is over", async () => {
  const path = await newFolder();
  const opened = await Promise.allSettled([1, 2, 3].map(() => DataFolder.open(path)));
  const [winner, ...others] = opened.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : [],
  );
  expect(others).toEqual([]);
  const refusals = opened.flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  );
  expect(refusals).toEqual([expect.any(StartError), expect.any(StartError)]);
  winner?.announce("http://127.0.0.1:4711");
  await expect(DataFolder.open(path)).rejects.toThrow("http://127.0.0.1:4711");
  await winner?.close();
  await (await DataFolder.open(path)).close();
});

it("is free when the start that had it was killed, or its lock was never finished", async () => {
  const path = await newFolder();
  const { pid } = spawnSync(process.execPath, ["--eval", ""]);
  const lock = join(path, "netra.lock");
  for (const text of [JSON.stringify({ host: hostname(), pid, started: null, url: "http://x" }), "", "{"]) {
    await writeFile(lock, text);
    const folder = await DataFolder.open(path);
    expect(await readFile(lock, "utf8")).toContain(`"pid":${process.pid}`);
    await folder.close();
  }
});

it("says what to do when a file is where the folder should be", async () => {
  const file = join(await newFolder(), "file");
  await writeFile(file, "");
  for (const path of [file, join(file, "below")]) {
    const refusal = await DataFolder.open(path).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StartError);
    expect(String(refusal)).toBe(
      `StartError: ${path} cannot hold the data: a file is in its way. Set NETRA_DATA_DIR to another folder.`,
    );
  }
});

it("keeps its secrets to its owner and gives the same ones again", async () => {
  const folder = await DataFolder.open(await newFolder());
  const made = await folder.readSecrets();
  folder.writeSecrets({ ...made, apiKeys: { demo: "ntr_x" } });
  expect(await folder.readSecrets()).toEqual({ ...made, apiKeys: { demo: "ntr_x" } });
  expect((await stat(folder.file("secrets.json"))).mode & 0o777).toBe(0o600);
  await folder.close();
});
