import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step, ctx, secrets, artifacts }) => {
  await step.run("npm ci", { name: "Install" });

  await step.parallel([
    () => step.run("npm run lint", { name: "Lint" }),
    () => step.run("npm test", { name: "Test", timeout: "5m" }),
  ]);

  await step.run("npm run build", { name: "Build" });
  await artifacts.upload("dist/", { name: "site" });

  // A secret reaches the one step that needs it, and shows as *** in the log.
  const token = await secrets.get("DEPLOY_TOKEN");
  await step.run('echo "deploying with token $TOKEN"', { name: "Deploy", env: { TOKEN: token } });

  console.log(`Commit ${ctx.commitSha?.slice(0, 8) ?? "(none)"} of ${ctx.branch ?? "no branch"} is good.`);
});
