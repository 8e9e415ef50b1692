import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("sleep 600 & (setsid nohup sleep 600 >/dev/null 2>&1 &) ; echo $! > pid; echo started");
  await step.run("kill -0 $(cat pid) && echo still there");
});
