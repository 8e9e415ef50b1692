// Writes launcher-script.ts, which carries launcher.sh into programs that are bundled to one file. Run after each change:
//   node packages/runtime/src/launcher/embed.ts && biome format --write packages/runtime
import { readFileSync, writeFileSync } from "node:fs";

const lines = readFileSync(new URL("launcher.sh", import.meta.url), "utf8").split("\n");
writeFileSync(
  new URL("launcher-script.ts", import.meta.url),
  [
    "// Made from launcher.sh by embed.ts; do not edit.",
    "",
    "/** The text of launcher.sh. */",
    "export const launcherScript = [",
    ...lines.map((line) => `  ${JSON.stringify(line)},`),
    '].join("\\n");',
    "",
  ].join("\n"),
);
