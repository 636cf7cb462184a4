import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, inject, it } from "vitest";

const SCRIPT = fileURLToPath(new URL("../../local/ensure-installed.mjs", import.meta.url));

/** An npm that needs a moment, writes down that it ran, says something on stdout, and makes what npm ci makes. */
const FAKE_NPM = `
import { appendFileSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
appendFileSync("installs.txt", process.argv.slice(2).join(" ") + "\\n");
console.log("added 1 package");
await new Promise((resolve) => setTimeout(resolve, 300));
mkdirSync("node_modules/node/bin", { recursive: true });
writeFileSync("node_modules/node/bin/node", "");
copyFileSync("package-lock.json", "node_modules/.package-lock.json");
`;

interface Project {
  folder: string;
  ensure: () => Promise<{ code: unknown; stdout: string; stderr: string }>;
  installs: () => Promise<string[]>;
  lock: (packages: object) => Promise<void>;
}

async function createProject(npm = FAKE_NPM): Promise<Project> {
  const folder = await mkdtemp(join(inject("testStack").folder, "install-"));
  await mkdir(join(folder, "local"));
  await copyFile(SCRIPT, join(folder, "local", "ensure-installed.mjs"));
  const npmFile = join(folder, "npm.mjs");
  await writeFile(npmFile, npm);
  const lock = (packages: object): Promise<void> =>
    writeFile(join(folder, "package-lock.json"), JSON.stringify({ packages: { "": {}, ...packages } }));
  await lock({ "node_modules/a": { version: "1.0.0" } });
  return {
    folder,
    lock,
    ensure: async () => {
      const child = spawn(process.execPath, ["local/ensure-installed.mjs"], {
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, npm_execpath: npmFile, npm_node_execpath: process.execPath },
      });
      const [stdout, stderr, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, "close"),
      ]);
      return { code, stdout, stderr };
    },
    installs: async () => {
      const written = await readFile(join(folder, "installs.txt"), "utf8").catch(() => "");
      return written.split("\n").filter((line) => line !== "");
    },
  };
}

it("installs what is absent, once, and keeps stdout clean", async () => {
  const project = await createProject();
  const first = await project.ensure();
  expect(first).toMatchObject({ code: 0, stdout: "" });
  expect(first.stderr).toContain("added 1 package");
  const second = await project.ensure();
  expect(second).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(await project.installs()).toHaveLength(1);
  expect((await project.installs())[0]).toMatch(/^ci /);
});

it("installs again when the lock file asks for something else, but not for an optional part of another platform", async () => {
  const project = await createProject();
  await project.ensure();
  await project.lock({
    "node_modules/a": { version: "1.0.0" },
    "node_modules/b": { version: "2.0.0", optional: true },
  });
  await project.ensure();
  expect(await project.installs()).toHaveLength(1);
  await project.lock({ "node_modules/a": { version: "1.1.0" } });
  await project.ensure();
  expect(await project.installs()).toHaveLength(2);
  await rm(join(project.folder, "node_modules", "node"), { recursive: true });
  await project.ensure();
  expect(await project.installs()).toHaveLength(3);
});

it("installs once when several start at the same time", async () => {
  const project = await createProject();
  const results = await Promise.all(Array.from({ length: 4 }, () => project.ensure()));
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect(await project.installs()).toHaveLength(1);
});

it("stops with what to do when npm fails", async () => {
  const project = await createProject("console.error('npm error network'); process.exit(7);");
  const result = await project.ensure();
  expect(result.code).toBe(1);
  expect(result.stderr).toContain("npm error network");
  expect(result.stderr).toMatch(/npm ci did not succeed \(7\)[\s\S]*network connection/);
});
