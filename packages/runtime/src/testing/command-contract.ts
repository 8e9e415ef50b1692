// What a command meets in a sandbox: the part of the drivers' contract that needs real processes.
// Longer than other files because every driver passes it as one suite.
import { stepFileNames } from "@danube/protocol";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RuntimeDriver, StepProbe } from "../driver.ts";
import {
  type DriverHarness,
  eventually,
  launch,
  newTestId,
  type RunOptions,
  recordObservations,
  waitForEnd,
} from "./driver-harness.ts";

interface Ran {
  readonly probe: StepProbe;
  readonly output: string;
  readonly stdout: string | undefined;
}

/** Declares the suite; part of `describeDriverContract`. */
export function describeCommandContract(makeHarness: () => Promise<DriverHarness>, sharesSandbox = false): void {
  describe("commands in a sandbox", () => {
    describeCommands(makeHarness, sharesSandbox);
  });
}

function describeCommands(makeHarness: () => Promise<DriverHarness>, sharesSandbox: boolean): void {
  let harness: DriverHarness;
  let driver: RuntimeDriver;
  let jobId: string;
  const before = sharesSandbox ? beforeAll : beforeEach;
  const after = sharesSandbox ? afterAll : afterEach;
  before(async () => {
    harness = await makeHarness();
    driver = harness.driver;
    const observations = recordObservations(driver);
    await driver.start();
    const spec = harness.spec();
    jobId = spec.jobId;
    await driver.createSandbox(spec);
    await observations.waitFor(jobId, "ready");
  });
  after(async () => {
    await harness.close();
  });

  async function readStep(stepId: string, name: "output" | "stdout"): Promise<string | undefined> {
    return (await harness.readStepFile(jobId, stepId, stepFileNames[name]))?.toString();
  }

  async function run(command: string | readonly string[], options: RunOptions = {}): Promise<Ran> {
    const { stepId } = await launch(driver, jobId, command, options);
    const probe = await waitForEnd(driver, jobId, stepId);
    return { probe, output: (await readStep(stepId, "output")) ?? "", stdout: await readStep(stepId, "stdout") };
  }

  const exited = (exitCode: number) => ({ state: "exited", exitCode });

  describe("output", () => {
    it("has standard output and standard error in the order written", async () => {
      const { probe, output, stdout } = await run("echo one; echo two >&2; printf three");
      expect(probe).toEqual(exited(0));
      expect(output).toBe("one\ntwo\nthree");
      expect(stdout).toBeUndefined();
    });

    it("has standard output apart when it is captured", async () => {
      const { output, stdout } = await run("echo one; echo two >&2; echo three", { capture: true });
      expect(output).toBe("two\n");
      expect(stdout).toBe("one\nthree\n");
    });

    it("keeps every byte of a large output", async () => {
      const { output } = await run("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done");
      expect(output).toBe(Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(""));
    });
  });

  describe("exit codes", () => {
    it.each([0, 1, 2, 42, 126, 127, 128, 255])("passes on %i", async (exitCode) => {
      expect((await run(`exit ${exitCode}`)).probe).toEqual(exited(exitCode));
    });

    it.each([
      ["HUP", 129],
      ["SEGV", 139],
      ["KILL", 137],
      ["TERM", 143],
    ])("is that of a shell for a command that dies by SIG%s", async (signal, exitCode) => {
      expect((await run(`kill -${signal} $$`)).probe).toEqual(exited(exitCode));
    });

    it("is 127, with a line, for a program that does not exist", async () => {
      for (const program of ["danube-no-such-program", "./danube-no-such-program", "/danube/no such 'program'"]) {
        const { probe, output } = await run([program, "argument"]);
        expect(probe).toEqual(exited(127));
        expect(output).toBe(`danube: command not found: ${program}\n`);
      }
    });

    it("is 126, with a line, for what is no program", async () => {
      await run("echo data > data.txt; mkdir directory");
      expect(await run(["./data.txt"])).toMatchObject({
        probe: exited(126),
        output: "danube: not executable: ./data.txt\n",
      });
      expect(await run(["./directory"])).toMatchObject({
        probe: exited(126),
        output: "danube: not a program but a directory: ./directory\n",
      });
    });
  });

  describe("commands", () => {
    it("are given their arguments exactly", async () => {
      const words = [
        "",
        "two words",
        "'",
        '"',
        "\\",
        "$HOME",
        "$(id)",
        "`id`",
        "a\nb",
        "-n",
        "*",
        "é ☃ 🚢",
        "\u0081\u0088",
      ];
      const { stdout } = await run(["/bin/sh", "-c", 'for word; do printf "%s|" "$word"; done', "sh", ...words], {
        capture: true,
      });
      expect(stdout).toBe(`${words.join("|")}|`);
    });

    it("are found in the PATH of the step", async () => {
      await run("mkdir bin; printf '#!/bin/sh\\necho mine' > bin/danube-mine; chmod +x bin/danube-mine");
      const { stdout: path } = await run("pwd", { capture: true });
      const env = { PATH: `/nonexistent:${path?.trim()}/bin:/usr/bin:/bin` };
      expect((await run(["danube-mine"], { env })).output).toBe("mine\n");
    });

    it("of a shell may be of any kind and size", async () => {
      const { output } = await run(`cat <<'END'\n${"x".repeat(100_000)}\nEND\necho "it's" $((1 + 1)) # comment`);
      expect(output).toBe(`${"x".repeat(100_000)}\nit's 2\n`);
    });

    it("have an empty standard input and default signals", async () => {
      expect((await run("cat")).probe).toEqual(exited(0));
      const { output } = await run("grep -E 'Sig(Ign|Blk)' /proc/self/status || true");
      expect(output.match(/[0-9a-f]{16}/g)?.every((mask) => Number.parseInt(mask, 16) === 0)).not.toBe(false);
    });

    it("share nothing but the workspace", async () => {
      await run("A=1; export A; echo file > file.txt; mkdir -p sub; cd sub");
      expect((await run("echo ${A-none}; cat file.txt; [ -d sub ]")).output).toBe("none\nfile\n");
    });

    it("run at the same time", async () => {
      const first = await launch(driver, jobId, "until [ -e go ]; do sleep 0.02; done; touch went");
      const second = await launch(driver, jobId, "touch go; until [ -e went ]; do sleep 0.02; done");
      expect(await waitForEnd(driver, jobId, first.stepId)).toEqual(exited(0));
      expect(await waitForEnd(driver, jobId, second.stepId)).toEqual(exited(0));
    });
  });

  describe("environment", () => {
    const values: Record<string, string> = {
      PLAIN: "value",
      EMPTY: "",
      LINES: "one\ntwo\n\n three \n",
      QUOTES: `it's "quoted" '' \\' \\\\ \\n`,
      CODE: "$(touch pwned) `touch pwned` $PATH ${IFS} ; & | < > * ? ~ ! #",
      UNICODE: "é ü ☃ 🚢 \u0081 \u0085 \u0088 \u00ff ā Ł",
      BLANKS: "  \t leading and trailing \t ",
      LARGE: `${"0123456789abcdef".repeat(6_250)}'`,
      lower_case: "too",
      A1_: "digits",
    };

    it("is exact, whatever is in the values", async () => {
      const { output } = await run("env -0 2>/dev/null || cat /proc/self/environ", { env: values });
      const seen = parseEnvironment(output);
      for (const [name, value] of Object.entries(values)) expect(seen[name]).toBe(value);
      expect((await run("ls pwned 2>/dev/null")).output).toBe("");
    });

    it("is exact for names that no shell can export, and for those that shells use themselves", async () => {
      const odd = {
        "with.dot": "a 'b'",
        "with-dash": "$(id)",
        "with space": "c",
        "1digit": "d",
        "-u": "not an option",
        é: "f",
        PWD: "/elsewhere",
        IFS: ":",
        SHLVL: "77",
        PPID: "1",
        OPTIND: "x",
        _: "underscore",
        danube_program: "mine",
      };
      const { output } = await run(["cat", "/proc/self/environ"], { env: odd });
      expect(parseEnvironment(output)).toMatchObject(odd);
    });

    it("tells that this is Danube, and where the workspace is", async () => {
      const { output } = await run('echo "$CI $DANUBE $DANUBE_JOB_ID"; [ "$DANUBE_WORKSPACE" -ef . ] && echo here');
      expect(output).toBe(`true true ${jobId}\nhere\n`);
    });
  });

  describe("working directory", () => {
    it("is the workspace, or a directory in it", async () => {
      const { output: root } = await run("pwd; mkdir -p 'sub dir/deep' ./-dash");
      expect((await run("pwd", { cwd: "sub dir/deep" })).output).toBe(`${root.trim()}/sub dir/deep\n`);
      expect((await run(["pwd"], { cwd: "sub dir/../-dash" })).output).toBe(`${root.trim()}/-dash\n`);
      expect((await run("pwd", { cwd: "-dash" })).output).toBe(`${root.trim()}/-dash\n`);
      expect((await run("pwd", { cwd: `${root.trim()}/-dash` })).output).toBe(`${root.trim()}/-dash\n`);
      expect((await run("pwd", { cwd: "." })).output).toBe(root);
    });

    it.for([
      ["mi'ssing", "does not exist"],
      ["file", "is not a directory"],
      ["..", "is outside of the workspace"],
      ["inside/../..", "is outside of the workspace"],
      ["/", "is outside of the workspace"],
      ["link", "is outside of the workspace"],
      ["sibling-link", "is outside of the workspace"],
    ] as const)("%s fails with 126 and a line", async ([cwd, why], { skip }) => {
      await run("touch file; mkdir -p inside; [ -e link ] || ln -s / link");
      // A sibling whose name begins like the workspace's is outside, too.
      const sibling = await run(
        'mkdir "$PWD-sibling" && { [ -L sibling-link ] || ln -s "$PWD-sibling" sibling-link; }',
      );
      skip(cwd === "sibling-link" && sibling.probe.state === "exited" && sibling.probe.exitCode !== 0, "not writable");
      const { probe, output } = await run("touch ran", { cwd });
      expect(probe).toEqual(exited(126));
      expect(output).toBe(`danube: the working directory "${cwd}" ${why}\n`);
      await run('rmdir "$PWD-sibling"');
    });
  });

  describe("launching", () => {
    it("starts a step once when 20 ask for it at the same time", async () => {
      const stepId = newTestId();
      const probes = await Promise.all(
        Array.from({ length: 20 }, () => launch(driver, jobId, "echo run >> runs.txt; sleep 0.2", { stepId })),
      );
      for (const { probe } of probes) expect(["running", "exited"]).toContain(probe.state);
      await waitForEnd(driver, jobId, stepId);
      expect((await run("cat runs.txt")).output).toBe("run\n");
      await launch(driver, jobId, "echo run >> runs.txt; sleep 0.2", { stepId });
      expect((await run("cat runs.txt")).output).toBe("run\n");
    });
  });

  describe("signals", () => {
    it("reach every process of the command, which may clean up, and the exit is recorded", async () => {
      const { stepId } = await launch(
        driver,
        jobId,
        "trap 'echo bye; exit 33' TERM; sh -c 'trap \"echo child; exit\" TERM; echo up; while :; do sleep 0.05; done' & while :; do wait; done",
      );
      await eventually(async () => (await readStep(stepId, "output")) || undefined, "the command's first line");
      await driver.exec(jobId, undefined, { verb: "signal", stepId, signal: "TERM" });
      expect(await waitForEnd(driver, jobId, stepId)).toEqual(exited(33));
      await eventually(
        async () => ((await readStep(stepId, "output"))?.includes("child\n") ? true : undefined),
        "the child's farewell",
      );
    });

    it("arrive once", async () => {
      const { stepId } = await launch(
        driver,
        jobId,
        "trap 'echo int' INT; trap 'echo term' TERM; echo up; until [ -e stop ]; do sleep 0.02; done",
      );
      const lines = async (count: number) =>
        await eventually(async () => {
          const output = (await readStep(stepId, "output")) ?? "";
          return (output.match(/^(up|int|term)$/gm)?.length ?? 0) >= count ? output : undefined;
        }, `${count} lines`);
      await lines(1);
      await driver.exec(jobId, undefined, { verb: "signal", stepId, signal: "INT" });
      await lines(2);
      await driver.exec(jobId, undefined, { verb: "signal", stepId, signal: "TERM" });
      await lines(3);
      await run("touch stop");
      expect(await waitForEnd(driver, jobId, stepId)).toEqual(exited(0));
      // Some shells mention that their `sleep` was signalled, too.
      const output = (await readStep(stepId, "output"))?.split("\n").filter((line) => /^(up|int|term)$/.test(line));
      expect(output).toEqual(["up", "int", "term"]);
    });

    it("kill what ignores all others", async () => {
      const { stepId } = await launch(driver, jobId, "trap '' TERM INT HUP; echo up; while :; do sleep 0.05; done");
      await eventually(async () => (await readStep(stepId, "output")) || undefined, "the command's first line");
      expect(await driver.exec(jobId, undefined, { verb: "signal", stepId, signal: "TERM" })).toEqual({
        state: "running",
      });
      await driver.exec(jobId, undefined, { verb: "signal", stepId, signal: "KILL" });
      expect(await waitForEnd(driver, jobId, stepId)).toEqual(exited(137));
    });

    it("are the command's own affair: one that kills its group ends by that", async () => {
      expect((await run("kill -TERM 0; sleep 600")).probe).toEqual(exited(143));
      expect((await run("kill -KILL 0; sleep 600")).probe).toEqual(exited(137));
    });
  });
}

function parseEnvironment(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split("\0")
      .filter((entry) => entry !== "")
      .map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
}
