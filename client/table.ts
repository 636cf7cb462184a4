import { plainText } from "./plain-text.ts";

export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
}

const CELL_CHARS_MAX = 48;

/** Lays rows out in columns, with a line under the titles. Cells are cut to 48 characters. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(cut));
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((row) => (row[at] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, at) => {
        const cell = row[at] ?? "";
        return align === "right" ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0);
      })
      .join("  ")
      .trimEnd();
  const titles = columns.map(({ title }) => title);
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [line(titles), rule, ...cells.map(line)].map((text) => `${text}\n`).join("");
}

function cut(cell: string): string {
  const plain = plainText(cell);
  return plain.length <= CELL_CHARS_MAX ? plain : `${plain.slice(0, CELL_CHARS_MAX - 1)}…`;
}
