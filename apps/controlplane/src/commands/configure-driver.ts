// Tells the driver what the applied configuration says: at the start, and after each change.
import { getAppliedConfiguration } from "@danube/db/write";
import type { JobEnvironment } from "../jobs/job-environment.ts";

export function configureDriver({ writer, driver }: Pick<JobEnvironment, "writer" | "driver">): void {
  const { configuration } = writer.read((transaction) => getAppliedConfiguration(transaction));
  driver.configure?.({
    egressAllowlist: configuration.config.spec.egress_allowlist,
    pipelines: configuration.pipelines.map(({ metadata, spec }) => ({ name: metadata.name, spec })),
  });
}
