import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  try {
    await step.run("echo sleeping; exec sleep 600", { name: "Sleep" });
  } finally {
    await step.run("echo cleaned up", { name: "Clean up" });
  }
});
