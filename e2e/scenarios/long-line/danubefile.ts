import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("head -c 52428800 /dev/zero | tr '\\0' x; echo");
  await step.run("echo after");
});
