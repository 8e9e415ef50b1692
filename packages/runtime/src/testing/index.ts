export { describeDriverContract } from "./driver-contract.ts";
export { type DriverHarness, newTestId } from "./driver-harness.ts";
export {
  createFakeDriver,
  type FakeDriver,
  type FakeDriverOptions,
  type FakeLaunch,
  type FakeSignal,
} from "./fake-driver.ts";
