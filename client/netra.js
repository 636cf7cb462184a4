#!/usr/bin/env node
// Plain JavaScript, so that an older Node gets a sentence instead of a syntax error.
const [major] = process.versions.node.split(".").map(Number);

if (major >= 24) {
  const { main } = await import("./netra.ts");
  process.exitCode = await main(process.argv.slice(2));
} else {
  const { existsSync } = await import("node:fs");
  const { spawnSync } = await import("node:child_process");
  const { fileURLToPath } = await import("node:url");
  const own = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));
  if (existsSync(own)) {
    const script = fileURLToPath(import.meta.url);
    const child = spawnSync(own, [script, ...process.argv.slice(2)], { stdio: "inherit" });
    process.exitCode = child.status ?? 1;
  } else {
    process.stderr.write(
      `netra needs Node 24 or later; this is Node ${process.versions.node}. ` +
        `Install Node 24, or run npm ci in Netra's folder, which brings its own.\n`,
    );
    process.exitCode = 1;
  }
}
