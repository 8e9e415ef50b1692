// Builds the web UI into dist/: `index.html`, and under assets/ what it loads, each file named by its content.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const bundle = await rolldown({
  input: here("src/main.tsx"),
  platform: "browser",
  tsconfig: here("tsconfig.json"),
  // Schemas that no page uses are left out: making one does nothing but make it.
  treeshake: { moduleSideEffects: (id) => /\/src\/(?:main\.tsx|configure-zod\.ts)$/.test(id) },
});
const { output } = await bundle.generate({ format: "esm", minify: true, codeSplitting: false });
await bundle.close();

rmSync(here("dist"), { recursive: true, force: true });
mkdirSync(here("dist/assets"), { recursive: true });
const script = writeAsset("main", "js", output[0].code);
const styles = writeAsset("main", "css", readFileSync(here("src/main.css"), "utf8"));
const icon = writeAsset("icon", "svg", readFileSync(here("src/icon.svg"), "utf8"));
const page = readFileSync(here("src/index.html"), "utf8")
  .replace("%SCRIPT%", script)
  .replace("%STYLES%", styles)
  .replace("%ICON%", icon);
writeFileSync(here("dist/index.html"), page);
process.stderr.write(`web: ${(output[0].code.length / 1_024).toFixed(0)} KiB of script\n`);

function writeAsset(name: string, ending: string, text: string): string {
  const hash = createHash("sha256").update(text).digest("base64url").slice(0, 12);
  const path = `/assets/${name}-${hash}.${ending}`;
  writeFileSync(here(`dist${path}`), text);
  return path;
}
