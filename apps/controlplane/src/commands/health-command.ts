// Whether the writer is well.
import { createHealth } from "@danube/kit";
import type { CommandContext, CommandHandlers } from "./command-context.ts";

export function createHealthCommand({ environment }: CommandContext): Pick<CommandHandlers, "health"> {
  const { writer, driver, logger, metrics, clock } = environment;
  const health = createHealth({ logger, clock });
  health.register("database", () => {
    const storage = writer.checkStorage();
    metrics.diskFreeBytes.set(storage.freeBytes);
    if (!storage.full) return { ok: true };
    return { ok: false, detail: `The disk is full: ${storage.freeBytes} bytes are free.` };
  });
  health.register("runtime", () => driver.check());
  return {
    async health() {
      const { checks } = await health.report();
      return { checks: checks.map(({ name, ok, detail }) => ({ name, ok, detail })) };
    },
  };
}
