// Where the parts of this installation lie: beside the bundled command, or in the repository when run from its sources.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface Installation {
  /** The bundled Coordinator. */
  readonly coordinator: string;
  /** The folder of the built web page. */
  readonly webFiles: string;
}

export function findInstallation(): Installation {
  const beside = fileURLToPath(new URL("./coordinator.mjs", import.meta.url));
  if (existsSync(beside)) return { coordinator: beside, webFiles: fileURLToPath(new URL("./web", import.meta.url)) };
  return {
    coordinator: fileURLToPath(new URL("../../coordinator/dist/coordinator.mjs", import.meta.url)),
    webFiles: fileURLToPath(new URL("../../web/dist", import.meta.url)),
  };
}
