// Brings pnpm and the project's own Node.js, installs the dependencies, and hands over to a pnpm script.
// Plain JavaScript for Node.js 20 and later, because it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const pnpmVersion = manifest.packageManager.split("@")[1];
const pnpm = join(root, ".tools", "node_modules", ".bin", process.platform === "win32" ? "pnpm.cmd" : "pnpm");
// Tools that pnpm runs look for it in the PATH, turbo among them.
const environment = {
  ...process.env,
  PATH: [dirname(pnpm), process.env.PATH].join(delimiter),
  TURBO_TELEMETRY_DISABLED: process.env.TURBO_TELEMETRY_DISABLED ?? "1",
};
const installedMark = join(root, "node_modules", ".danube-installed");

requireNode(20);
if (toolVersion() !== pnpmVersion) bringPnpm();
if (installDigest() !== readMark()) installDependencies();
requireProjectNode(24);

const [, , ...command] = process.argv;
if (command.length > 0) {
  const result = spawnSync(pnpm, command, { cwd: root, stdio: "inherit", env: environment });
  if (result.error) fail(`could not run pnpm: ${result.error.message}`);
  process.exit(result.status ?? 130);
}

function requireNode(major) {
  const found = Number(process.versions.node.split(".")[0]);
  if (found < major) fail(`Node.js ${major} or later is needed to start; this is ${process.versions.node}.`);
}

// The registry brings Node.js for Linux and for Macs with Intel; elsewhere the machine's own must be new enough.
function requireProjectNode(major) {
  const brought = join(root, "node_modules", ".bin", "node");
  const command = existsSync(brought) ? brought : "node";
  const version = spawnSync(command, ["--version"], { encoding: "utf8" }).stdout?.trim() ?? "none";
  if (Number(version.replace(/^v/, "").split(".")[0]) >= major) return;
  fail(
    `Node.js ${major} or later is needed; none is brought for ${process.platform}-${process.arch} and this machine has ${version}.`,
  );
}

function toolVersion() {
  const file = join(root, ".tools", "node_modules", "pnpm", "package.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).version : undefined;
}

function bringPnpm() {
  note(`bringing pnpm ${pnpmVersion} into .tools`);
  mkdirSync(join(root, ".tools"), { recursive: true });
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const args = [
    "install",
    "--prefix",
    join(root, ".tools"),
    "--no-save",
    "--no-fund",
    "--no-audit",
    "--loglevel=error",
  ];
  run(npm, [...args, `pnpm@${pnpmVersion}`], "npm could not bring pnpm; is the npm registry reachable?");
}

function installDependencies() {
  note("installing dependencies");
  run(pnpm, ["install", "--frozen-lockfile", "--reporter=append-only"], "pnpm install failed; its words are above.");
  writeFileSync(installedMark, installDigest());
}

// What an installation depends on: when none of it changed, there is nothing to install.
function installDigest() {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json"]) {
    const path = join(root, file);
    hash.update(existsSync(path) ? readFileSync(path) : "");
  }
  return hash.digest("hex");
}

function readMark() {
  return existsSync(installedMark) ? readFileSync(installedMark, "utf8") : undefined;
}

function run(file, args, failure) {
  const result = spawnSync(file, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  if (result.status !== 0) fail(failure);
}

function note(text) {
  process.stderr.write(`danube: ${text}\n`);
}

function fail(text) {
  note(text);
  process.exit(1);
}
