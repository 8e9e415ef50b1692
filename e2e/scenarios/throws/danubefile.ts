import { pipeline } from "@danube/sdk";

export default pipeline(async () => {
  throw new Error("no good");
});
