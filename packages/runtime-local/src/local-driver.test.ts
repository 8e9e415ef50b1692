import { describeDriverContract } from "@danube/runtime/testing";
import { makeLocalHarness } from "./local-harness.ts";

describeDriverContract("local", { runsCommands: true, makeHarness: () => makeLocalHarness() });
