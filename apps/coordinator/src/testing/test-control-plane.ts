// The other side of a Coordinator: a real RPC server that keeps in memory what a control plane keeps, and is strict about
// the protocol.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Address, newId, silentLogger } from "@danube/kit";
import {
  type Artifact,
  type AttachEvent,
  DanubeError,
  type JobContext,
  type JobMethods,
  type JobOutcome,
  jobMethods,
  type StatusReport,
} from "@danube/protocol";
import { createRpcServer, type Handlers, type RpcServer } from "@danube/rpc";
import { RecordedStep } from "./recorded-step.ts";
import { type RunningCoordinator, startCoordinator } from "./start-coordinator.ts";

export interface TestControlPlane {
  readonly workspace: string;
  readonly runDirectory: string;
  readonly jobId: string;
  readonly address: Address;
  /** What the pipeline file and the checkout printed. */
  readonly log: () => string;
  /** In the order of their first request. */
  readonly steps: () => RecordedStep[];
  readonly groups: () => { readonly name: string; readonly status: string; readonly parentId: string | undefined }[];
  readonly reports: () => StatusReport[];
  readonly artifacts: Map<string, { artifact: Artifact; bytes: Buffer }>;
  /** Resolves with the outcome that was reported. */
  readonly outcome: Promise<JobOutcome>;
  /** Resolves when a step whose command contains `text` has been launched. */
  launched(text: string): Promise<RecordedStep>;
  /** Starts the Coordinator; `address` if it is not to call directly. */
  start(options?: {
    readonly address?: Address;
    readonly prepared?: boolean;
    readonly token?: string;
  }): Promise<RunningCoordinator>;
  /** Gives a prepared Coordinator its job. */
  giveSandboxFile(address?: Address, token?: string): void;
  cancel(message: string): void;
  /** Stops listening and cuts every connection; what is known stays. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

export interface TestControlPlaneOptions {
  readonly context?: Partial<JobContext>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** Commands that contain this text die without a recorded exit; the server then tells `lost`. */
  readonly losesExitOf?: string;
  /** The job's log cannot be stored. */
  readonly refusesLog?: boolean;
  /** Written into the workspace. */
  readonly files?: Readonly<Record<string, string>>;
}

const jobToken = "the-token-of-the-job";

export async function createTestControlPlane(options: TestControlPlaneOptions = {}): Promise<TestControlPlane> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "danube-coordinator-test-")));
  const [workspace = "", runDirectory = "", temporaryDirectory = "", own = ""] = ["workspace", "run", "tmp", "own"].map(
    (name) => join(root, name),
  );
  for (const directory of [workspace, runDirectory, temporaryDirectory, own]) mkdirSync(directory);
  for (const [name, text] of Object.entries(options.files ?? {})) {
    mkdirSync(join(workspace, name, ".."), { recursive: true });
    writeFileSync(join(workspace, name), text);
  }
  const jobId = newId();
  const context: JobContext = {
    jobId,
    pipelineName: "test",
    number: 7,
    attempt: 1,
    checkout: { url: "https://user:password@git.example/test.git" },
    script: "danubefile.ts",
    branch: "main",
    triggerType: "push",
    params: {},
    workers: ["worker"],
    cancelGraceMs: 5_000,
    ...options.context,
  };
  const steps = new Map<string, RecordedStep>();
  const groups = new Map<string, { name: string; status: string; parentId: string | undefined }>();
  const reports: StatusReport[] = [];
  const artifacts: TestControlPlane["artifacts"] = new Map();
  const outcome = Promise.withResolvers<JobOutcome>();
  let logBytes = Buffer.alloc(0);
  let cancelMessage: string | undefined;
  let onCancel = (): void => undefined;
  let onLaunch = (): void => undefined;

  const handlers: Handlers<JobMethods, string> = {
    async *attach(_request, { signal }): AsyncGenerator<AttachEvent> {
      yield { type: "context", context };
      const asked = new Promise<void>((resolve) => {
        onCancel = resolve;
      });
      const gone = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      if (cancelMessage === undefined) await Promise.race([asked, gone]);
      if (signal.aborted) return;
      yield { type: "cancel", reason: "cancelled_by_user", message: cancelMessage ?? "" };
      await gone;
    },
    async *runStep(request, frames) {
      let step = steps.get(request.stepId);
      if (step === undefined) {
        const losesExit = options.losesExitOf !== undefined && JSON.stringify(request).includes(options.losesExitOf);
        step = new RecordedStep({ request, runDirectory, workspace, losesExit });
        steps.set(request.stepId, step);
        onLaunch();
      }
      yield* step.serve(frames);
    },
    async reportGroup({ stepId, name, status, parentId }) {
      groups.set(stepId, { name, status, parentId });
      return {};
    },
    async getSecret({ name }) {
      const value = options.secrets?.[name];
      if (value === undefined) throw new DanubeError("not_found", `This pipeline has no secret "${name}".`);
      return { value };
    },
    async uploadArtifact(request, body) {
      const chunks: Buffer[] = [];
      for await (const chunk of body) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      if (sha256 !== request.sha256 || bytes.length !== request.sizeBytes)
        throw new DanubeError("digest_mismatch", "The bytes are not those that were announced.");
      const { artifactId: id, name, fileName, kind } = request;
      const createdAt = new Date().toISOString();
      const artifact: Artifact = { id, jobId, name, fileName, kind, sizeBytes: bytes.length, sha256, createdAt };
      artifacts.set(name, { artifact, bytes });
      return { artifact };
    },
    async downloadArtifact({ name }) {
      const found = artifacts.get(name);
      if (found === undefined) throw new DanubeError("not_found", `This job has no artifact "${name}".`);
      return {
        response: { artifact: found.artifact },
        body: (async function* () {
          yield found.bytes;
        })(),
      };
    },
    async appendLog({ offset, text }) {
      if (options.refusesLog === true) throw new DanubeError("corrupt", "The log's index is not an index.");
      if (offset > logBytes.length) throw new DanubeError("protocol_violation", `a gap before ${offset}`);
      const known = logBytes.length - offset;
      logBytes = Buffer.concat([logBytes, Buffer.from(text).subarray(known)]);
      return { offset: logBytes.length };
    },
    async reportStatus(report) {
      reports.push(report);
      if (report.phase === "finished") outcome.resolve(report.outcome);
      return {};
    },
  };

  const createServer = (): RpcServer =>
    createRpcServer({
      methods: jobMethods,
      handlers,
      logger: silentLogger,
      async authenticate(headers) {
        if (headers.authorization !== `Bearer ${jobToken}`)
          throw new DanubeError("unauthenticated", "Not this job's token.");
        return jobId;
      },
    });
  let server = createServer();
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  const sandboxPath = join(own, "sandbox.json");
  const running: RunningCoordinator[] = [];

  const controlPlane: TestControlPlane = {
    workspace,
    runDirectory,
    jobId,
    address,
    log: () => logBytes.toString("utf8"),
    steps: () => [...steps.values()],
    groups: () => [...groups.values()],
    reports: () => reports,
    artifacts,
    outcome: outcome.promise,
    async launched(text) {
      for (;;) {
        const found = [...steps.values()].find(({ request }) => JSON.stringify(request.command).includes(text));
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          onLaunch = resolve;
        });
      }
    },
    async start({ address: through = address, prepared = false, token } = {}) {
      if (!prepared) controlPlane.giveSandboxFile(through, token);
      const coordinator = await startCoordinator(sandboxPath);
      running.push(coordinator);
      return coordinator;
    },
    giveSandboxFile({ host, port } = address, token = jobToken) {
      const content = { jobId, token, rpcUrl: `http://${host}:${port}`, workspace, runDirectory, temporaryDirectory };
      writeFileSync(`${sandboxPath}.part`, JSON.stringify(content), { mode: 0o600 });
      renameSync(`${sandboxPath}.part`, sandboxPath);
    },
    cancel(message) {
      cancelMessage = message;
      onCancel();
      for (const step of steps.values()) step.cancel();
    },
    goAway: () => server.close({ graceMs: 0 }),
    async comeBack() {
      server = createServer();
      await server.listen(address);
    },
    async close() {
      for (const coordinator of running) coordinator.kill();
      for (const step of steps.values()) step.launched.kill("SIGKILL");
      await Promise.all([
        ...running.map(({ ended }) => ended),
        ...[...steps.values()].map(({ launched }) => launched.exited),
      ]);
      await server.close({ graceMs: 0 });
      rmSync(root, { recursive: true, force: true });
    },
  };
  return controlPlane;
}
