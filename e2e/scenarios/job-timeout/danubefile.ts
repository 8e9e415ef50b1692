import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("echo sleeping; exec sleep 600", { name: "Sleep" });
});
