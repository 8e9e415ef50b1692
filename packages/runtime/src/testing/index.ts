export { describeDriverContract } from "./driver-contract.ts";
export {
  type DriverHarness,
  eventually,
  launch,
  newTestId,
  type RunOptions,
  recordObservations,
  waitForEnd,
} from "./driver-harness.ts";
export {
  createFakeDriver,
  type FakeDriver,
  type FakeDriverOptions,
  type FakeLaunch,
  type FakeSignal,
} from "./fake-driver.ts";
