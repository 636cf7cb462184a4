import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { build } from "esbuild";
import { sourceFrame } from "../../../shared/runtime/source-frame.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "netra-frames-"));
});

afterAll(() => rm(folder, { recursive: true }));

/** In a process of its own, because the one that runs tests maps stacks itself. */
async function stackOf(name: string): Promise<string[]> {
  const program = `import { fail } from "${pathToFileURL(join(folder, name)).href}"; console.log(fail().stack);`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
  return stdout.trimEnd().split("\n").slice(1);
}

it("tells a place in a bundle by the line of its source", async () => {
  const source = join(folder, "source.ts");
  await writeFile(source, "\n\nexport function fail(): Error {\n  return new Error();\n}\n");
  const outfile = join(folder, "mapped.mjs");
  await build({ entryPoints: [source], outfile, format: "esm", minifyWhitespace: true, sourcemap: true });
  const [frame = ""] = await stackOf("mapped.mjs");
  expect(frame).toMatch(/mapped\.mjs:1:\d+\)$/);
  expect(sourceFrame(frame)).toBe("    at fail (source.ts:4:10)");
});

it("leaves a frame as it is that lies in no bundle, or in one whose map is missing or broken", async () => {
  for (const name of ["unmapped.mjs", "broken.mjs"])
    await writeFile(join(folder, name), "export const fail = () => new Error();");
  await writeFile(join(folder, "broken.mjs.map"), "{");
  const frames = [
    ...(await stackOf("unmapped.mjs")),
    ...(await stackOf("broken.mjs")),
    "at process.processTicksAndRejections (node:internal/process/task_queues:104:5)",
    "at file:///nowhere%/index.mjs:1:1",
    "",
  ];
  for (const frame of frames) expect(sourceFrame(frame)).toBe(frame);
});
