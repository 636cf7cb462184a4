import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSecretSource, SecretMissing, type SecretSource } from "../../shared/secret-source.ts";

let directory: string;
let now: number;
let logged: { message: string; fields: unknown }[];
let env: Record<string, string | undefined>;
let secrets: SecretSource;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "netra-secrets-"));
  now = 1_000_000;
  logged = [];
  env = { ONE: "first" };
  secrets = createSecretSource({
    env,
    directory,
    log: (_severity, message, fields) => logged.push({ message, fields }),
    now: () => now,
  });
});

afterEach(() => rm(directory, { recursive: true, force: true }));

describe("secret source", () => {
  it("reads a variable and a file, without the line break at its end", async () => {
    await writeFile(join(directory, "hook"), "from a file\n");
    expect(await secrets.read("env:ONE")).toBe("first");
    expect(await secrets.read("file:hook")).toBe("from a file");
  });

  it("keeps a secret for five minutes and then reads it again", async () => {
    expect(await secrets.read("env:ONE")).toBe("first");
    env["ONE"] = "second";
    now += 4 * 60_000;
    expect(await secrets.read("env:ONE")).toBe("first");
    now += 2 * 60_000;
    expect(await secrets.read("env:ONE")).toBe("second");
  });

  it("reads again at once when told that the secret did not work, but not again and again", async () => {
    expect(await secrets.read("env:ONE")).toBe("first");
    env["ONE"] = "second";
    secrets.forget("env:ONE");
    expect(await secrets.read("env:ONE")).toBe("first");
    now += 10_000;
    secrets.forget("env:ONE");
    expect(await secrets.read("env:ONE")).toBe("second");
  });

  it("stops at once with one that is gone: a variable or file that is not there any more, or is empty", async () => {
    await writeFile(join(directory, "hook"), "from a file\n");
    await writeFile(join(directory, "emptied"), "from a file\n");
    const references = ["env:ONE", "file:hook", "file:emptied"];
    for (const reference of references) await secrets.read(reference);
    delete env["ONE"];
    await rm(join(directory, "hook"));
    await writeFile(join(directory, "emptied"), "");
    now += 6 * 60_000;
    for (const reference of references) {
      await expect(secrets.read(reference)).rejects.toBeInstanceOf(SecretMissing);
      await expect(secrets.read(reference)).rejects.toBeInstanceOf(SecretMissing);
    }
    env["ONE"] = "second";
    expect(await secrets.read("env:ONE")).toBe("second");
  });

  it("goes on for an hour with one that cannot be read again, and says so", async () => {
    // A folder that holds itself cannot be looked into, which says nothing of what is in it.
    const place = join(directory, "place");
    await symlink(directory, place);
    secrets = createSecretSource({
      env,
      directory: place,
      log: (_severity, message, fields) => logged.push({ message, fields }),
      now: () => now,
    });
    await writeFile(join(directory, "hook"), "from a file");
    expect(await secrets.read("file:hook")).toBe("from a file");
    await rm(place);
    await symlink(place, place);
    now += 6 * 60_000;
    expect(await secrets.read("file:hook")).toBe("from a file");
    expect(await secrets.read("file:hook")).toBe("from a file");
    expect(logged).toHaveLength(1);
    expect(JSON.stringify(logged)).not.toContain("from a file");
    now += 50 * 60_000;
    expect(await secrets.read("file:hook")).toBe("from a file");
    now += 5 * 60_000;
    await expect(secrets.read("file:hook")).rejects.toMatchObject({ code: "ELOOP" });
    await rm(place);
    await symlink(directory, place);
    expect(await secrets.read("file:hook")).toBe("from a file");
  });

  it("has no secret for an empty or unknown reference, nor for one outside of its folder", async () => {
    env["EMPTY"] = "";
    await writeFile(join(directory, "empty"), "\n");
    await writeFile(join(directory, "hook"), "reached");
    await mkdir(join(directory, "mounted"));
    await writeFile(join(directory, "mounted", ".hidden"), "reached");
    const references = [
      "env:NONE",
      "env:EMPTY",
      "file:none",
      "file:empty",
      "file:../hook",
      "file:mounted/../hook",
      "file:mounted/./hook",
      "file:mounted//hook",
      "file:mounted/",
      "file:mounted",
      "file:mounted/.hidden",
      `file:${"a/".repeat(100)}b`,
      "file:/etc/hostname",
      "ONE",
      "",
    ];
    for (const reference of references) {
      await expect(secrets.read(reference)).rejects.toBeInstanceOf(SecretMissing);
    }
  });

  it("gives no file out that is no text", async () => {
    await writeFile(join(directory, "bytes"), Buffer.from([0xff, 0x41, 0x80]));
    await expect(secrets.read("file:bytes")).rejects.toMatchObject({
      code: "ERR_ENCODING_INVALID_ENCODED_DATA",
    });
  });

  it("asks again for a secret that was missing", async () => {
    await expect(secrets.read("env:LATE")).rejects.toBeInstanceOf(SecretMissing);
    env["LATE"] = "now here";
    expect(await secrets.read("env:LATE")).toBe("now here");
  });

  it("reads several that are each mounted in a folder of its own, as the platform does", async () => {
    for (const name of ["github", "linear"]) {
      const versions = join(directory, name, "..2026_11_21");
      await mkdir(versions, { recursive: true });
      await writeFile(join(versions, "latest"), `of ${name}`);
      await symlink("..2026_11_21", join(directory, name, "..data"));
      await symlink(join("..data", "latest"), join(directory, name, "latest"));
    }
    expect(await secrets.read("file:github/latest")).toBe("of github");
    expect(await secrets.read("file:linear/latest")).toBe("of linear");
  });

  it("follows the links by which a platform swaps mounted secrets", async () => {
    await writeFile(join(directory, "data"), "mounted");
    await symlink(join(directory, "data"), join(directory, "linked"));
    expect(await secrets.read("file:linked")).toBe("mounted");
  });
});
