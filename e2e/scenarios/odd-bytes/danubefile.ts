import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("printf 'abc\\377\\376def\\rxyz\\n10%%\\r100%%\\r\\n\\000nul\\n'");
});
