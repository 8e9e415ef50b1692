// The bundled Coordinator, as it is shipped, made anew from the sources.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "rolldown";
import { bundleOptions } from "../../rolldown.config.ts";

let built: Promise<string> | undefined;

/** The path of the bundle; made once for each process that tests. */
export function buildCoordinator(): Promise<string> {
  built ??= bundle();
  return built;
}

async function bundle(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "danube-coordinator-build-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "coordinator.mjs");
  const input = new URL("../main.ts", import.meta.url).pathname;
  await build(bundleOptions({ input, file }));
  return file;
}
