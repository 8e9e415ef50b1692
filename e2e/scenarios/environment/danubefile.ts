import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run('echo "$A"', { env: { A: "a b" } });
  await step.run(["printenv", "Q"], { env: { Q: '"quoted" $HOME `x`' } });
  await step.run('echo "$L"', { env: { L: "line one\nline two" } });
  await step.run("mkdir -p sub");
  await step.run('basename "$(pwd)"', { cwd: "sub" });
});
