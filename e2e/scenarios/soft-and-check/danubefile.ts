import { pipeline, StepError } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("exit 1", { name: "Soft", soft: true });
  const { exitCode } = await step.run("exit 7", { name: "Unchecked", check: false });
  await step.run(["echo", String(exitCode)]);
  try {
    await step.run("exit 2", { name: "Caught" });
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    await step.run(["echo", `caught ${error.exitCode}`]);
  }
});
