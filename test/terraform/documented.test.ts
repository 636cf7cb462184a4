import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "./run-cli.ts";

interface Block {
  name: string;
  file: string;
  text: string;
}

/** The blocks of a kind at the top level of every file. */
function listBlocks(kind: "variable" | "output"): Block[] {
  return globSync("**/*.tf", { cwd: ROOT }).flatMap((file) => {
    const text = readFileSync(join(ROOT, file), "utf8");
    const blocks = text.matchAll(new RegExp(`^${kind} "([^"]+)" \\{\\n([\\s\\S]*?)^\\}$`, "gm"));
    return [...blocks].map(([, name = "", body = ""]) => ({ name, file, text: body }));
  });
}

const nameOf = ({ file, name }: Block): string => `${file} ${name}`;

describe("the configuration", () => {
  it("describes every variable and every output", () => {
    const blocks = [...listBlocks("variable"), ...listBlocks("output")];

    expect(blocks.length).toBeGreaterThan(150);
    expect(blocks.filter(({ text }) => !/^ {2}description\s+= (".{8}|<<-)/m.test(text)).map(nameOf)).toEqual(
      [],
    );
  });

  it("refuses wrong values of every variable: a truth value by its type, any other by a validation", () => {
    const open = listBlocks("variable").filter(({ text }) =>
      /^ {2}type\s+= bool$/m.test(text)
        ? !/^ {2}nullable\s+= false$/m.test(text)
        : !/^ {2}validation \{$/m.test(text),
    );

    expect(open.map(nameOf)).toEqual([]);
  });

  it("keeps the state of each environment apart, also where both are in one project", () => {
    const files = globSync("environments/*/versions.tf", { cwd: ROOT });
    const prefixes = files.map((file) => {
      const text = readFileSync(join(ROOT, file), "utf8");
      return [dirname(file), /backend "gcs" \{\s+prefix = "([^"]+)"/.exec(text)?.[1]];
    });

    expect(Object.fromEntries(prefixes)).toEqual({
      "environments/dev": "netra/dev",
      "environments/prod": "netra/prod",
    });
  });

  it("runs other people's actions at GitHub by the commit that was looked at", () => {
    const folder = join(ROOT, "../.github/workflows");
    const uses = globSync("*.yml", { cwd: folder }).flatMap((file) =>
      [...readFileSync(join(folder, file), "utf8").matchAll(/^\s*-? *uses: *(.*)$/gm)].map(
        ([, action]) => action,
      ),
    );

    expect(uses.length).toBeGreaterThan(5);
    expect(uses.filter((action) => !/^[\w.-]+\/[\w.-]+@[0-9a-f]{40} # v[\d.]+$/.test(action ?? ""))).toEqual(
      [],
    );
  });

  it("has a README beside every module", () => {
    const modules = new Set(globSync("modules/*/main.tf", { cwd: ROOT }).map((file) => dirname(file)));

    expect(modules.size).toBeGreaterThan(10);
    expect([...modules].filter((folder) => !existsSync(join(ROOT, folder, "README.md")))).toEqual([]);
  });
});
