import { open } from "node:fs/promises";
import { resolve } from "node:path";
import type { CommandIo } from "../command.ts";
import { UsageError } from "../exit-codes.ts";
import { sendableCommand } from "../sendable-text.ts";

/** One item of a batch, as the server takes it; what is wrong with it is told by the server. */
export type BatchItem = Readonly<Record<string, unknown>>;

const BYTES_MAX = 900_000;
const COMMANDS_MAX = 100;

/**
 * The commands of a file, or of stdin for `-`: a JSON array of texts or of `{command, model, workspace}`, else one command on
 * each line. Commands are masked of secrets before they go anywhere.
 */
export async function readCommands(path: string, io: CommandIo): Promise<BatchItem[]> {
  const text = path === "-" ? await readStdin(io) : await readFile(resolve(io.cwd, path), path);
  const items = text.trimStart().startsWith("[") ? readArray(text, path) : readLines(text);
  if (items.length === 0) throw new UsageError(`there is no command in ${path}`);
  if (items.length > COMMANDS_MAX)
    throw new UsageError(
      `${path} has ${items.length} commands; at most ${COMMANDS_MAX} are predicted at once`,
    );
  return items;
}

async function readFile(path: string, name: string): Promise<string> {
  try {
    await using file = await open(path);
    const buffer = Buffer.alloc(BYTES_MAX + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) return buffer.toString("utf8", 0, length);
      length += bytesRead;
      if (length > BYTES_MAX) throw tooLong(name);
    }
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${name} cannot be read`, { cause: error });
  }
}

async function readStdin(io: CommandIo): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of io.stdin ?? process.stdin) {
    const bytes = Buffer.from(chunk);
    chunks.push(bytes);
    length += bytes.length;
    if (length > BYTES_MAX) throw tooLong("stdin");
  }
  return Buffer.concat(chunks).toString("utf8");
}

function tooLong(name: string): UsageError {
  return new UsageError(`${name} is longer than ${BYTES_MAX} bytes; predict parts of it`);
}

function readArray(text: string, name: string): BatchItem[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError(`${name} begins like a JSON array and is none`);
  }
  const items: unknown[] = Array.isArray(value) ? value : [];
  return items.map((item, index) => readItem(item, `item ${index} of ${name}`));
}

function readItem(item: unknown, name: string): BatchItem {
  if (typeof item === "string") return { command: sendableCommand(item) };
  if (typeof item !== "object" || item === null || Array.isArray(item))
    throw new UsageError(`${name} is neither a text nor an object`);
  return "command" in item && typeof item.command === "string"
    ? { ...item, command: sendableCommand(item.command) }
    : { ...item };
}

function readLines(text: string): BatchItem[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "")
    .map((line) => ({ command: sendableCommand(line) }));
}
