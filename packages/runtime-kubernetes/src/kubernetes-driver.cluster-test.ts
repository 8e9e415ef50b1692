import { describeDriverContract } from "@danube/runtime/testing";
import { makeClusterHarness } from "./testing/cluster-harness.ts";

describeDriverContract("kubernetes", {
  runsCommands: true,
  sharesSandbox: true,
  makeHarness: () => makeClusterHarness(),
});
