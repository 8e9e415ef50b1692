export type { LocalDriverLogger } from "./driver-logger.ts";
export type { HostEnvironment } from "./job-environment.ts";
export { createLocalDriver, type LocalDriverOptions } from "./local-driver.ts";
