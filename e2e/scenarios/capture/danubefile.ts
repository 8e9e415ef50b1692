import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  const { stdout } = await step.run("echo 42; echo errors go to the log too >&2", { capture: true });
  console.log(`captured: ${stdout}`);
  const results = await step.group("numbers", () =>
    step.parallel(
      ["one", "two", "three"].map((word) => () => step.run(["echo", word])),
      { limit: 2 },
    ),
  );
  if (results.length !== 3) throw new Error("a result is missing");
});
