import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import type { CommandIo } from "./command.ts";
import { UsageError } from "./exit-codes.ts";

const CHARS_MAX = 10_000;

/** All of stdin without the line break at its end; throws UsageError when it is empty or too long for a secret. */
export async function readSecretFromStdin(io: CommandIo): Promise<string> {
  const input = io.stdin ?? process.stdin;
  if (io.errIsTerminal) io.err("paste the secret, press Enter, then Ctrl-D\n");
  let text = "";
  for await (const chunk of input) {
    text += typeof chunk === "string" ? chunk : chunk.toString("utf8");
    if (text.length > CHARS_MAX) throw new UsageError(`a secret has at most ${CHARS_MAX} characters`);
  }
  const secret = text.replace(/[\r\n]+$/, "");
  if (secret === "") throw new UsageError("there is no secret on stdin");
  if (/[\r\n\0]/.test(secret)) throw new UsageError("a secret is one line");
  return secret;
}

/** Asks on a terminal and says whether the answer was yes; null where nobody can be asked. */
export async function confirm(io: CommandIo, question: string): Promise<boolean | null> {
  if (!io.errIsTerminal || !io.outIsTerminal) return null;
  const lines = createInterface({ input: io.stdin ?? process.stdin, output: io.stderr });
  try {
    // An end of the input leaves the question open.
    const ended = once(lines, "close").then(() => "");
    const answer = await Promise.race([lines.question(`${question} [y/N] `), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
