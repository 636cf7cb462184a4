/** What stands where a secret was. The kind is a hint for people: lower-case words joined by dashes. */
export function mark(kind: string): string {
  return `[masked:${kind}]`;
}

const MARKS = /(?:\[masked:[a-z0-9-]{1,24}\])+/y;

/** Where the marks that start at `from` end; `from` itself when there are none. */
export function endOfMarks(text: string, from: number): number {
  if (text.charCodeAt(from) !== 91) return from;
  MARKS.lastIndex = from;
  return MARKS.test(text) ? MARKS.lastIndex : from;
}
