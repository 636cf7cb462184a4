export interface ShellWord {
  readonly value: string;
  readonly quoted: boolean;
}

const BLANK = /\s/;

/**
 * Splits a command line into words as a POSIX shell would: single and double quotes, backslashes. A quote that is never
 * closed is an ordinary character. At most `wordsMax` words are read.
 */
export function splitShellWords(line: string, wordsMax: number): ShellWord[] {
  const words: ShellWord[] = [];
  const noMore = new Set<string>();
  let at = 0;
  while (words.length < wordsMax) {
    while (at < line.length && BLANK.test(line.charAt(at))) at++;
    if (at >= line.length) return words;
    let value = "";
    let quoted = false;
    let plainFrom = at;
    while (at < line.length && !BLANK.test(line.charAt(at))) {
      const char = line.charAt(at);
      if (char === "\\" && at + 1 < line.length) {
        value += line.slice(plainFrom, at) + line.charAt(at + 1);
        at += 2;
        plainFrom = at;
        continue;
      }
      const close =
        (char === '"' || char === "'") && !noMore.has(char) ? closingQuote(line, at + 1, char) : -1;
      if (close === -1) {
        if (char === '"' || char === "'") noMore.add(char);
        at++;
        continue;
      }
      const inner = line.slice(at + 1, close);
      value += line.slice(plainFrom, at) + (char === '"' ? inner.replace(/\\(["\\$`])/g, "$1") : inner);
      quoted = true;
      at = close + 1;
      plainFrom = at;
    }
    words.push({ value: value + line.slice(plainFrom, at), quoted });
  }
  return words;
}

function closingQuote(line: string, from: number, quote: string): number {
  if (quote === "'") return line.indexOf("'", from);
  for (let at = from; at < line.length; at++) {
    const char = line.charCodeAt(at);
    if (char === 92) at++;
    else if (char === 34) return at;
  }
  return -1;
}
