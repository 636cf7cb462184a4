import { styleText } from "node:util";
import { runSteps } from "./steps.ts";
import { findTerraform, TerraformError } from "./terraform.ts";

export interface CliIo {
  env: Readonly<Record<string, string | undefined>>;
  /** The folder of the configuration. */
  root: string;
  /** What Terraform says, and at the end one line about everything. */
  out: (text: string) => void;
  /** Progress and errors, for people only. */
  err: (text: string) => void;
}

const VERBS = ["validate", "test"] as const;
type Verb = (typeof VERBS)[number];

const HELP = `Usage: npm run terraform -- validate|test [options of terraform test]

  validate   the format of every file, and that every environment is a valid configuration
  test       the same, and the tests in terraform/tests with stand-ins for Google

Needs Terraform 1.11 or later on the path, and the registry of providers. Where that cannot be reached, NETRA_TERRAFORM_OFFLINE
names a program that runs Terraform with a local provider mirror: PROGRAM validate|test|check ROOT FOLDER [options].
Nothing is read from or written to Google Cloud. Deploying is \`npm run deploy\`.

Exit codes: 0 all well, 1 something is not, 2 the command was not understood.
`;

/** Runs one command line and returns the exit code: 0 all well, 1 something is not, 2 not understood. */
export async function runTerraformCli(args: readonly string[], io: CliIo): Promise<0 | 1 | 2> {
  const [verb = "", ...options] = args;
  if (verb === "help" || verb === "--help") {
    io.out(HELP);
    return 0;
  }
  if (!isVerb(verb)) {
    io.err(
      `${verb === "" ? "A command is missing." : `There is no command "${verb}".`} There are: ${VERBS.join(", ")}\nSee: npm run terraform -- --help\n`,
    );
    return 2;
  }
  if (verb === "validate" && options.length > 0) {
    io.err(`validate takes nothing further, and got "${options.join(" ")}"\n`);
    return 2;
  }
  try {
    const terraform = await findTerraform(io.env);
    io.err(`${terraform.description}\n`);
    await runSteps({
      terraform,
      root: io.root,
      withTests: verb === "test",
      options,
      out: io.out,
      err: io.err,
    });
    io.err(`${styleText("green", "All well.")}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof TerraformError)) throw error;
    io.err(`${styleText("red", "Not well.")} ${error.message}\n`);
    return 1;
  }
}

function isVerb(text: string): text is Verb {
  return VERBS.some((verb) => verb === text);
}

if (import.meta.main) {
  process.exitCode = await runTerraformCli(process.argv.slice(2), {
    env: process.env,
    root: import.meta.dirname,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  });
}
