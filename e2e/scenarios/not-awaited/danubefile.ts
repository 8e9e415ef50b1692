import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("true");
  void step.run("sleep 0.1; exit 1", { name: "Forgotten" });
});
