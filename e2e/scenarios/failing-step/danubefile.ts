import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("echo about to fail; exit 3", { name: "Break" });
  await step.run("echo never");
});
