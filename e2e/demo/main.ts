// `npm run demo`: a whole Danube on this machine, from an empty directory to a finished job. Everything it shows is real: Git
// repositories, a push, a signed webhook over HTTP, processes, the log as it streams.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";
import { startDanubeUp, webhookSecret } from "../harness/danube-up.ts";
import { createGitRepository } from "../harness/git-repository.ts";
import { deliver, githubPush } from "../harness/webhook.ts";

const examples = fileURLToPath(new URL("../../examples", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "danube-demo-"));
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => interrupted.abort(signal));

try {
  process.exitCode = await demo();
} catch (error) {
  if (!interrupted.signal.aborted) throw error;
  process.exitCode = 130;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function demo(): Promise<number> {
  say("1. A Blueprint repository (Danube's configuration) and an application repository");
  const application = createGitRepository("hello", directory);
  const blueprint = createGitRepository("blueprint", directory);
  cpSync(join(examples, "hello"), application.directory, { recursive: true });
  cpSync(join(examples, "blueprint"), blueprint.directory, { recursive: true });
  const pipeline = readFileSync(join(blueprint.directory, "pipelines/hello.json"), "utf8");
  blueprint.push(
    { "pipelines/hello.json": pipeline.replace("https://git.example.com/hello.git", application.url) },
    "Danube's configuration",
  );
  show(
    `${blueprint.url}: ${readdirSync(blueprint.directory)
      .filter((name) => name !== ".git")
      .join(", ")}`,
  );

  say("2. Danube, with jobs as processes of this machine");
  const port = process.env["DANUBE_DEMO_PORT"];
  const danube = await startDanubeUp({
    dataDirectory: join(directory, "data"),
    blueprintUrl: blueprint.url,
    // Ctrl-C is for the demo, which ends Danube then: a second signal would not let it end its jobs.
    detached: true,
    ...(port === undefined ? {} : { port: Number(port) }),
  });
  try {
    show(`up at ${danube.url}`);
    await danube.api.setSecret("DEPLOY_TOKEN", "a-token-that-nobody-may-see", "hello");
    show("secret DEPLOY_TOKEN is set");

    say("3. A commit is pushed, and the forge delivers a signed webhook");
    const sha = application.push({}, "Say hello");
    const answer = await deliver(danube.url, githubPush(application, webhookSecret, { sha }));
    show(`git push: ${sha.slice(0, 8)}; POST /webhooks/github: ${answer.status}`);

    say("4. The job's log, as it streams");
    const { id } = await danube.api.jobWhere((job) => job.trigger.commitSha === sha);
    const status = await followJob(danube.api, id);
    const { artifacts } = await danube.api.job(id);
    for (const { name, fileName, sizeBytes } of artifacts) show(`artifact ${name}: ${fileName}, ${sizeBytes} bytes`);

    say(`5. The job ended in ${status}. The web page (the link works once):`);
    console.log(`   ${danube.loginUrl}\n`);
    if (process.stdout.isTTY && !interrupted.signal.aborted) {
      show("Ctrl-C ends Danube and removes everything.");
      await new Promise((resolve) => interrupted.signal.addEventListener("abort", resolve));
    }
    return status === "success" ? 0 : 1;
  } finally {
    await danube.process.kill("SIGINT");
  }
}

async function followJob(api: Awaited<ReturnType<typeof startDanubeUp>>["api"], jobId: string): Promise<string> {
  const begun = new Set<string>();
  for await (const event of api.logEvents(jobId, 0, interrupted.signal)) {
    if (event.event === "log") process.stdout.write(event.data.text.replace(/^(?=.)/gm, "   │ "));
    if (event.event === "step" && !begun.has(event.data.id)) {
      begun.add(event.data.id);
      show(`▶ ${event.data.name}`);
    }
    if (event.event === "end") return event.data.status;
  }
  return "nothing";
}

function say(text: string): void {
  console.log(styleText("bold", `\n${text}`));
}

function show(text: string): void {
  console.log(styleText("dim", `   ${text}`));
}
