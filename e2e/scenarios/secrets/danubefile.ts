import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step, secrets }) => {
  const token = await secrets.get("TOKEN");
  await step.run('echo "$TOKEN"', { env: { TOKEN: token } });
  await step.run('printf %s "$TOKEN" | base64', { env: { TOKEN: token } });
  await step.run('printf "s3cret/"; sleep 0.05; echo "with+odd chars"');
  console.log("from the file:", token);
});
