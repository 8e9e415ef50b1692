import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createTestControlPlane, type TestControlPlane } from "../testing/test-control-plane.ts";

let controlPlane: TestControlPlane;
afterEach(() => controlPlane.close());

async function run(body: string, files: Record<string, string> = {}) {
  controlPlane = await createTestControlPlane({
    files: { "danubefile.ts": `export default async ({ step, artifacts }) => {\n${body}\n};`, ...files },
  });
  const coordinator = await controlPlane.start();
  const outcome = await controlPlane.outcome;
  expect([await coordinator.ended, coordinator.stderr()]).toEqual([0, ""]);
  return outcome;
}

function listed(name: string): string[] {
  const file = join(controlPlane.workspace, "..", "listed.tar.gz");
  writeFileSync(file, controlPlane.artifacts.get(name)?.bytes ?? "");
  const names = execFileSync("tar", ["-tzf", file], { encoding: "utf8" }).trim().split("\n");
  return names
    .map((each) => each.replace(/^\.\//, "").replace(/\/$/, ""))
    .filter((each) => each !== "" && each !== ".")
    .sort();
}

describe("artifacts", () => {
  it("stores one file as it is", async () => {
    expect(
      await run(`console.log((await artifacts.upload("out/app.js")).sizeBytes);`, { "out/app.js": "abc" }),
    ).toEqual({
      status: "success",
    });
    const stored = controlPlane.artifacts.get("app.js");
    expect([stored?.artifact.kind, stored?.artifact.fileName, stored?.bytes.toString()]).toEqual([
      "file",
      "app.js",
      "abc",
    ]);
    expect(controlPlane.log()).toBe("3\n");
  });

  it("stores an empty file and an empty directory", async () => {
    await run(`await step.run("mkdir empty");\nawait artifacts.upload("none");\nawait artifacts.upload("empty");`, {
      none: "",
    });
    expect([controlPlane.artifacts.get("none")?.bytes.length, listed("empty")]).toEqual([0, []]);
  });

  it("stores what is in a directory, and several paths with their names", async () => {
    await run(
      `await artifacts.upload("dist/", { name: "site" });
       await artifacts.upload(["dist", "reports/**/*.xml", "dist/a"], { name: "all" });`,
      { "dist/a": "1", "dist/sub/b": "2", "reports/x/1.xml": "3", "reports/x/1.txt": "4" },
    );
    expect(controlPlane.artifacts.get("site")?.artifact).toMatchObject({ kind: "archive", fileName: "site.tar.gz" });
    expect(listed("site")).toEqual(["a", "sub", "sub/b"]);
    expect(listed("all")).toEqual(["dist", "dist/a", "dist/sub", "dist/sub/b", "reports/x/1.xml"]);
  });

  it("brings them back with modes and links", async () => {
    await run(
      `await step.run("mkdir d && echo x > d/run && chmod 755 d/run && ln -s run d/link && echo y > plain");
       await artifacts.upload("d");
       await artifacts.upload("plain");
       await artifacts.download("d", { to: "back" });
       await artifacts.download("plain", { to: "back/deep" });`,
    );
    const back = join(controlPlane.workspace, "back");
    expect(readdirSync(back).sort()).toEqual(["deep", "link", "run"]);
    expect([readFileSync(join(back, "link"), "utf8"), readlinkSync(join(back, "link"))]).toEqual(["x\n", "run"]);
    expect(statSync(join(back, "run")).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(back, "deep/plain"), "utf8")).toBe("y\n");
  });

  it.each([
    [`artifacts.upload("nope")`, /^artifacts.upload of "nope": There is nothing at "nope" in the workspace\./],
    [
      `artifacts.upload("*.nope", { name: "a" })`,
      /^artifacts.upload of "a": There is nothing at "\*\.nope" in the workspace\./,
    ],
    [
      `artifacts.upload("../own", { name: "a" })`,
      /^artifacts.upload of "a": "\.\.\/own" does not lie in the workspace\./,
    ],
    [`artifacts.download("nope")`, /^artifacts.download of "nope": This job has no artifact "nope"\./],
  ])("rejects %s with a sentence and its line", async (call, message) => {
    const outcome = await run(`  await ${call};`);
    expect(outcome).toMatchObject({ reason: "pipeline_error", message: expect.stringMatching(message) });
    expect(outcome).toMatchObject({ message: expect.stringMatching(/\(danubefile\.ts:2\)$/) });
  });

  it("unpacks nothing outside of the directory", async () => {
    controlPlane = await createTestControlPlane({
      files: {
        "danubefile.ts": `export default ({ artifacts }) => artifacts.download("evil", { to: "in" });`,
      },
    });
    const evil = join(controlPlane.workspace, "..", "evil");
    mkdirSync(join(evil, "d"), { recursive: true });
    writeFileSync(join(evil, "mark"), "");
    const archive = join(evil, "evil.tar.gz");
    execFileSync("tar", ["-czPf", archive, "-C", join(evil, "d"), "../mark"]);
    const bytes = readFileSync(archive);
    const { createHash } = await import("node:crypto");
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    controlPlane.artifacts.set("evil", {
      artifact: {
        id: controlPlane.jobId,
        jobId: controlPlane.jobId,
        name: "evil",
        fileName: "evil.tar.gz",
        kind: "archive",
        sizeBytes: bytes.length,
        sha256,
        createdAt: new Date().toISOString(),
      },
      bytes,
    });
    await controlPlane.start();
    await controlPlane.outcome;
    expect(readdirSync(controlPlane.workspace).sort()).toEqual(["danubefile.ts", "in"]);
  });
});
