// A real public package, brought from the registry as a tarball and committed to a repository: its own install and tests run
// as steps.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBlueprint } from "../harness/blueprint.ts";
import { type DanubeUp, startDanubeUp, webhookSecret } from "../harness/danube-up.ts";
import { createGitRepository, type GitRepository } from "../harness/git-repository.ts";
import { deliver, githubPush } from "../harness/webhook.ts";

const script = `import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step, artifacts }) => {
  await step.run("npm install --no-audit --no-fund", { name: "Install", timeout: "2m" });
  await step.run("npm test", { name: "Test", timeout: "1m" });
  const { stdout } = await step.run("npm pack --silent", { name: "Pack", capture: true });
  await artifacts.upload(stdout ?? "", { name: "package" });
});
`;

describe("the pipeline of a real npm package", () => {
  let danube: DanubeUp;
  let repository: GitRepository;

  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), "danube-npm-"));
    execFileSync("npm", ["pack", "--silent", "xtend@4.0.2"], { cwd: directory });
    execFileSync("tar", ["-xzf", readdirSync(directory)[0] ?? ""], { cwd: directory });
    repository = createGitRepository("xtend");
    cpSync(join(directory, "package"), repository.directory, { recursive: true });
    repository.push({ "danubefile.ts": script }, "xtend 4.0.2");
    danube = await startDanubeUp({ blueprintUrl: createBlueprint({ xtend: { repository: repository.url } }).url });
  });
  afterAll(() => danube?.stop());

  it("installs, tests and packs it", async () => {
    expect((await deliver(danube.url, githubPush(repository, webhookSecret))).status).toBe(202);
    const { id } = await danube.api.jobWhere((job) => job.pipelineName === "xtend");
    const job = await danube.api.jobEnd(id, 110_000);
    const log = (await danube.api.log(id)).toString();
    expect(job.status, `${job.message}\n${log}`).toBe("success");
    expect(log).toMatch(/# pass +\d+/);
    const { artifacts } = await danube.api.job(id);
    expect(artifacts).toEqual([expect.objectContaining({ name: "package", fileName: "xtend-4.0.2.tgz" })]);
  });
});
