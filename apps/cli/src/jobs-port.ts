// The port on which Coordinators call. Jobs outlive the process that began them and know no other address, so every process
// of a data directory listens on the same one.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ControlPlane } from "@danube/controlplane";
import type { Logger } from "@danube/kit";

const host = "127.0.0.1";

/** Listens on the port of the process before this one, or on any free port where there was none or it is taken. */
export async function listenOnKeptPort(
  controlPlane: Pick<ControlPlane, "listenJobs">,
  { dataDirectory, logger }: { readonly dataDirectory: string; readonly logger: Pick<Logger, "warn"> },
): Promise<void> {
  const file = join(dataDirectory, "jobs.port");
  const kept = readPort(file);
  if (kept !== undefined) {
    try {
      await controlPlane.listenJobs({ host, port: kept });
      return;
    } catch (error) {
      logger.warn("The port is taken; jobs that were begun before cannot call back and will time out.", {
        port: kept,
        error,
      });
    }
  }
  const { port } = await controlPlane.listenJobs({ host, port: 0 });
  try {
    writeFileSync(file, `${port}\n`);
  } catch (error) {
    logger.warn("The port could not be noted; jobs will not survive a restart.", { port, error });
  }
}

function readPort(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, "utf8"));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined; // the directory is new
  }
}
