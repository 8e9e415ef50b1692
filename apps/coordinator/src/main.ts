// The Coordinator: `coordinator <path of sandbox.json>`. Runs one job and ends; while the file is not there it waits for it.
import { newId } from "@danube/kit";
import { jobMethods } from "@danube/protocol";
import { createRpcClient } from "@danube/rpc";
import { createApp } from "./app.ts";
import { parseArguments } from "./config.ts";
import { idleClock } from "./hold.ts";
import { createModuleLoader } from "./load/module-loader.ts";
import { createStderrLogger } from "./logger.ts";
import { readSandboxFile, removeSandboxFile } from "./sandbox-file.ts";

const logger = createStderrLogger();
const loader = createModuleLoader();
// The pipeline file may replace it.
const exit = process.exit.bind(process);

async function main(): Promise<void> {
  const { sandboxPath } = parseArguments(process.argv.slice(2));
  const sandbox = await readSandboxFile(sandboxPath, () => void loader.warmUp());
  removeSandboxFile(sandboxPath);
  const client = createRpcClient({
    url: sandbox.rpcUrl,
    methods: jobMethods,
    token: sandbox.token,
    logger,
    clock: idleClock,
    keepsProcessAlive: false,
  });
  const environment = { ...process.env };
  const jobLogger = logger.child({ jobId: sandbox.jobId });
  await createApp({ sandbox, client, logger: jobLogger, newId, loader, environment }).run();
  await client.close();
}

main().then(
  () => exit(0),
  (error: unknown) => {
    logger.error("The Coordinator ends without an outcome", { error });
    exit(1);
  },
);
