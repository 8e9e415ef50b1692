export type { Reply, ScriptedStep } from "./script.ts";
export {
  type RanArtifact,
  type RanStep,
  type TestedPipeline,
  type TestOutcome,
  type TestRun,
  testPipeline,
} from "./test-pipeline.ts";
