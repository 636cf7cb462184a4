import { z } from "zod";
import { runTerraformCli } from "../../terraform/cli.ts";
import { whyNoTerraform } from "../../terraform/terraform.ts";
import { ROOT } from "./run-cli.ts";

const resource = z.object({
  address: z.string(),
  mode: z.enum(["managed", "data"]),
  type: z.string(),
  values: z.record(z.string(), z.unknown()),
});
export type Resource = z.output<typeof resource>;

const module = z.object({
  resources: z.array(resource).default([]),
  get child_modules() {
    return z.array(module).default([]);
  },
});
type Module = z.output<typeof module>;

const message = z.looseObject({ type: z.string() });
const stateMessage = z.object({
  "@testrun": z.string(),
  test_state: z.object({
    root_module: module,
    outputs: z.record(z.string(), z.object({ value: z.unknown() })),
  }),
});

export interface State {
  /** Every resource of every module. */
  resources: Resource[];
  outputs: Record<string, unknown>;
}

/** Why Terraform cannot be run here, or null. It is said aloud, so that what is left out is seen. */
export async function explainMissingTerraform(): Promise<string | null> {
  const reason = await whyNoTerraform(process.env);
  if (reason !== null) process.stderr.write(`\nThe tests of terraform/ are left out. ${reason}\n`);
  return reason;
}

/** What the run `name` of a test file of Terraform makes, with stand-ins for what Google answers. */
export async function readState(file: string, name: string): Promise<State> {
  let out = "";
  let err = "";
  const code = await runTerraformCli(["test", "-json", "-verbose", `-filter=${file}`], {
    env: process.env,
    root: ROOT,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
  });
  if (code !== 0) throw new Error(`terraform test of ${file} ended with ${code}: ${err}\n${summaryOf(out)}`);
  for (const line of out.split("\n")) {
    if (!line.startsWith("{")) continue;
    const parsed: unknown = JSON.parse(line);
    if (message.parse(parsed).type !== "test_state") continue;
    const { "@testrun": run, test_state: state } = stateMessage.parse(parsed);
    if (run !== name) continue;
    return {
      resources: listResources(state.root_module),
      outputs: Object.fromEntries(Object.entries(state.outputs).map(([key, { value }]) => [key, value])),
    };
  }
  throw new Error(`${file} has no run ${name} that applies`);
}

function listResources({ resources, child_modules: children }: Module): Resource[] {
  return [...resources, ...children.flatMap(listResources)];
}

/** The lines that tell of faults, without the states, which are megabytes. */
function summaryOf(out: string): string {
  return out
    .split("\n")
    .filter((line) => line.includes('"type":"diagnostic"'))
    .map((line) => line.slice(0, 1_000))
    .join("\n");
}

/** The blocks of a resource, or none. */
export function listOf(blocks: unknown): Record<string, unknown>[] {
  return z.array(z.record(z.string(), z.unknown())).nullish().parse(blocks) ?? [];
}
