import { open } from "node:fs/promises";

export interface TextLine {
  /** Counted from 1. */
  readonly number: number;
  /** Where the line begins in the file, in bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** The line, or null when it is longer than the limit and was passed over. */
  readonly text: string | null;
  /** False for a last line without its line feed: it may still be growing. */
  readonly terminated: boolean;
}

const CHUNK_BYTES = 1024 * 1024;
const LINE_FEED = 10;

/**
 * Reads a file line by line. At most `lineBytesMax` bytes of one line and one chunk are held, however long the lines
 * are; a longer line is given with `text: null`. Empty lines are left out. The range ends where the file ended when it
 * was opened, so a file that grows while it is read ends as well.
 */
export async function* readLines(
  path: string,
  lineBytesMax: number,
  onBytes?: (bytes: number) => void,
): AsyncGenerator<TextLine> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const chunk = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK_BYTES, size)));
    let held: Buffer[] = [];
    let bytes = 0;
    let number = 0;
    let offset = 0;
    let position = 0;
    const take = (part: Buffer): void => {
      bytes += part.length;
      if (bytes > lineBytesMax) held = [];
      else if (part.length > 0) held.push(Buffer.from(part));
    };
    const finish = (terminated: boolean): TextLine | null => {
      number += 1;
      const text = bytes > lineBytesMax ? null : Buffer.concat(held).toString("utf8");
      const line = { number, offset, bytes, text, terminated };
      offset += bytes + 1;
      held = [];
      bytes = 0;
      return text !== null && text.trim() === "" ? null : line;
    };

    while (position < size) {
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, size - position), position);
      if (bytesRead === 0) break;
      position += bytesRead;
      const read = chunk.subarray(0, bytesRead);
      let start = 0;
      for (let end = read.indexOf(LINE_FEED); end !== -1; end = read.indexOf(LINE_FEED, start)) {
        take(read.subarray(start, end));
        start = end + 1;
        const line = finish(true);
        if (line !== null) yield line;
      }
      take(read.subarray(start));
      onBytes?.(bytesRead);
    }
    if (bytes > 0) {
      const line = finish(false);
      if (line !== null) yield line;
    }
  } finally {
    await file.close();
  }
}

/** Reads one line again, found earlier at `offset`; null when the file is gone or shorter now. */
export async function readLineAt(path: string, offset: number, bytes: number): Promise<string | null> {
  try {
    const file = await open(path, "r");
    try {
      const buffer = Buffer.alloc(bytes);
      const { bytesRead } = await file.read(buffer, 0, bytes, offset);
      return bytesRead === bytes ? buffer.toString("utf8") : null;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}
