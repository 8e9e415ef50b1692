// Somebody closes the terminal in which `danube run` works, or stops reading what it prints: it ends in order, and neither its
// job's processes nor its secrets are left behind.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { expect, it } from "vitest";
import { danubeCommand } from "../harness/danube-up.ts";

type Danube = ChildProcessByStdio<null, Readable, Readable>;

const script = `export default async ({ step }) => {
  await step.run("echo pid $$; while sleep 0.05; do echo tick; done");
};
`;

it.each<[string, (danube: Danube) => void]>([
  ["its terminal is closed", (danube) => void danube.kill("SIGHUP")],
  ["nobody reads its output any more", ({ stdout, stderr }) => void (stdout.destroy(), stderr.destroy())],
])("danube run ends its job and leaves nothing when %s", async (_when, lose) => {
  const directory = mkdtempSync(join(tmpdir(), "danube-lost-"));
  const temporary = mkdtempSync(join(tmpdir(), "danube-lost-tmp-"));
  writeFileSync(join(directory, "danubefile.ts"), script);
  const danube = spawn(process.execPath, [danubeCommand, "run"], {
    cwd: directory,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(danube, "exit");
  let said = "";
  for await (const chunk of danube.stdout.iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    if (said.includes("tick")) break;
  }
  const pid = Number(/pid (\d+)/.exec(said)?.[1]);
  expect(() => process.kill(pid, 0)).not.toThrow();
  danube.stdout.resume();
  lose(danube);
  expect(await ended).toEqual([130, null]);
  expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  expect(existsSync(temporary) ? readdirSync(temporary).filter((name) => name.startsWith("danube-run-")) : []).toEqual(
    [],
  );
});
