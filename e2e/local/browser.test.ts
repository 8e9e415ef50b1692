// A person opens the link that `danube up` printed, finds the running job and watches its log arrive, in a real browser.
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBlueprint } from "../harness/blueprint.ts";
import { type DanubeUp, startDanubeUp, webhookSecret } from "../harness/danube-up.ts";
import { createGitRepository, type GitRepository } from "../harness/git-repository.ts";
import { deliver, githubPush } from "../harness/webhook.ts";

const executable = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);
const options = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

// Waits in the middle until the test has seen the first half: so what is seen is live and not the finished log.
const gate = join(mkdtempSync(join(tmpdir(), "danube-gate-")), "open");
const script = `import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step, secrets }) => {
  const token = await secrets.get("TOKEN");
  await step.run('printf "\\\\033[32mgreen\\\\033[0m <b>not bold</b>\\\\n"; echo "token $TOKEN"', { name: "First", env: { TOKEN: token } });
  await step.run("until [ -e ${gate} ]; do sleep 0.05; done; echo second half", { name: "Second" });
});
`;

describe.skipIf(executable === undefined)("the web page in a browser", () => {
  let danube: DanubeUp;
  let repository: GitRepository;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    repository = createGitRepository("live");
    repository.push({ "danubefile.ts": script }, "<img src=x onerror=alert(1)>");
    danube = await startDanubeUp({ blueprintUrl: createBlueprint({ live: { repository: repository.url } }).url });
    await danube.api.setSecret("TOKEN", "never-to-be-seen", "live");
    browser = await chromium.launch({ executablePath: executable ?? "", args: options });
    page = await browser.newPage();
  });
  afterAll(async () => {
    await browser?.close();
    await danube?.stop();
  });

  it("shows the job in the list, follows its log live, masks the secret and draws markup as text", async () => {
    const complaints: string[] = [];
    page.on("console", (message) => void (message.type() === "error" && complaints.push(message.text())));
    page.on("pageerror", (error) => void complaints.push(String(error)));
    await page.goto(danube.loginUrl);
    await page.getByText("No job has run yet.").waitFor();

    expect((await deliver(danube.url, githubPush(repository, webhookSecret))).status).toBe(202);
    await page.getByRole("link", { name: /#1/ }).first().click();
    const log = page.getByRole("log");
    await log.getByText("token ***").waitFor();
    await log.getByText("green <b>not bold</b>").waitFor();
    expect(await page.getByText("second half").count()).toBe(0);
    writeFileSync(gate, "");
    await log.getByText("second half", { exact: true }).waitFor();
    await page.getByText("The job is over.").waitFor();

    const text = await page.locator("body").innerText();
    expect(text).toContain("succeeded");
    expect(text).not.toContain("never-to-be-seen");
    expect(complaints).toEqual([]);
  });

  it("opens nothing with the link a second time", async () => {
    const stranger = await browser.newContext();
    const second = await stranger.newPage();
    await second.goto(danube.loginUrl);
    expect(await second.getByText("live").count()).toBe(0);
    const answer = await second.request.get(`${danube.url}/api/v1/jobs`);
    expect(answer.status()).toBe(401);
    await stranger.close();
  });
});
