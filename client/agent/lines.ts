import { StringDecoder } from "node:string_decoder";

export interface LineReader {
  push(chunk: Uint8Array): void;
  /** The stream has ended: hands on what stood after the last line break. */
  end(): void;
  /** Lines longer than the limit; they are skipped, so that a wild agent cannot fill the memory. */
  readonly skipped: number;
}

const LINE_CHARS_MAX = 32 * 1024 * 1024;

/** Cuts a byte stream into lines of text, without their line breaks. */
export function createLineReader(onLine: (line: string) => void, charsMax = LINE_CHARS_MAX): LineReader {
  const decoder = new StringDecoder("utf8");
  let parts: string[] = [];
  let size = 0;
  let skipping = false;
  let skipped = 0;
  const add = (text: string): void => {
    if (skipping) return;
    size += text.length;
    if (size <= charsMax) {
      parts.push(text);
      return;
    }
    parts = [];
    skipping = true;
    skipped += 1;
  };
  const finish = (): void => {
    const line = parts.join("");
    parts = [];
    size = 0;
    if (skipping) skipping = false;
    else if (line.trim() !== "") onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
  };
  const feed = (text: string): void => {
    let from = 0;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", from)) {
      add(text.slice(from, at));
      finish();
      from = at + 1;
    }
    if (from < text.length) add(text.slice(from));
  };
  return {
    push: (chunk) => feed(decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))),
    end: () => {
      feed(decoder.end());
      finish();
    },
    get skipped() {
      return skipped;
    },
  };
}
