import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("printf 'no newline'", { name: "printf" });
  await step.run("echo next");
});
