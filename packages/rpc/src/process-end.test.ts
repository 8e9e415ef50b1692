import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { startTestServer } from "./testing/test-service.ts";

it("lets a process end that has nothing left but its connection, and not before its calls are answered", async () => {
  const server = await startTestServer({
    async echo({ value }) {
      // Longer than the process needs for anything else of its own.
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
      return { value };
    },
  });
  const program = fileURLToPath(new URL("testing/one-call-process.ts", import.meta.url));
  const run = promisify(execFile)(process.execPath, [program, server.url], { timeout: 15_000 });
  await expect(run).resolves.toMatchObject({ stdout: "said" });
  await server.close();
});
