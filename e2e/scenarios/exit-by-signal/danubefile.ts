import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("echo before; kill -9 $$", { name: "Die" });
});
