import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type FunctionProcess, startFunctionProcess } from "./function-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BIN = dirname(process.execPath);
const run = promisify(execFile);

export interface BuiltBundle {
  name: string;
  eagerBytes: number;
  lazyBytes: number;
  packages: string[];
}

/** Runs `npm run build` into a folder, with the compiled code that belongs to the image. */
export async function buildFunctions(out: string): Promise<BuiltBundle[]> {
  const env = { ...process.env, PATH: `${BIN}:${process.env["PATH"]}` };
  const { stdout } = await run(process.execPath, ["functions/build.ts", "--json", "--out", out], {
    cwd: ROOT,
    env,
  });
  await run(process.execPath, [join(out, "warm.js")], { cwd: out, env: { PATH: env.PATH } });
  return (JSON.parse(stdout) as { bundles: BuiltBundle[] }).bundles;
}

/** Starts a function of the build as the image does. */
export function startBuiltFunction(
  out: string,
  target: string,
  env: Readonly<Record<string, string>>,
): Promise<FunctionProcess> {
  return startFunctionProcess(target, env, { program: join(out, "start.js") });
}
