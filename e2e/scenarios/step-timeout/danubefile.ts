import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("echo sleeping; sleep 600 & sleep 600; wait", { name: "Sleep", timeout: "500ms" });
});
