import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startProcess } from "../harness/child-process.ts";
import { danubeCommand, startDanubeUp } from "../harness/danube-up.ts";

describe("a data directory", () => {
  it("belongs to one writer: the second one refuses to start and names the first; a killed one leaves it free", async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), "danube-data-"));
    const first = await startDanubeUp({ dataDirectory });
    try {
      const second = startProcess(process.execPath, [danubeCommand, "up", "--data-dir", dataDirectory, "--port", "0"]);
      expect(await second.ended).toBe(1);
      expect(second.output()).toContain(dataDirectory);
      expect(second.output()).toContain(`process ${first.process.pid}`);
    } finally {
      await first.process.kill("SIGKILL");
    }
    const third = await startDanubeUp({ dataDirectory });
    await third.stop();
  });
});
