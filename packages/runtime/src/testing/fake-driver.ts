// A driver without processes, for tests of whatever uses a driver. The test decides when things happen, by `FakeDriver`'s
// own methods. It is strict: who breaks the contract of driver.ts gets a `protocol_violation` instead of luck.
import { DanubeError } from "@danube/protocol";
import type { LauncherCommand, RuntimeDriver, SandboxObservation, SandboxSpec, StepProbe } from "../driver.ts";

/** A command that was started; each step has at most one. */
export interface FakeLaunch {
  readonly jobId: string;
  readonly worker: string | undefined;
  readonly stepId: string;
  readonly capture: boolean;
  /** The step's script (see step-script.ts), as text. */
  readonly script: string;
}

export interface FakeSignal {
  readonly jobId: string;
  readonly stepId: string;
  readonly signal: "TERM" | "KILL" | "INT";
}

export interface FakeDriverOptions {
  /** What a command does: ends at once with the returned exit code, or goes on. Without this it goes on until told. */
  readonly run?: (launch: FakeLaunch) => number | undefined;
  /** Whether a running command ends by the signal, with 128 + its number. Default: always. */
  readonly obeys?: (signal: FakeSignal) => boolean;
  /** Whether a sandbox becomes ready by itself. Default true; else by `ready`. */
  readonly readyByItself?: boolean;
}

type Fallible = "createSandbox" | "exec" | "deleteSandbox" | "listSandboxes";

export interface FakeDriver extends RuntimeDriver {
  /** Every command that was started, in order, over all restarts. */
  readonly launches: readonly FakeLaunch[];
  readonly signals: readonly FakeSignal[];
  /** What each existing sandbox was made from. */
  readonly specs: ReadonlyMap<string, SandboxSpec>;
  /** Lets a starting sandbox be ready. */
  ready(jobId: string): void;
  /** Reports why a starting sandbox is not ready yet. */
  waitFor(jobId: string, message: string): void;
  /** Ends the sandbox: by itself, as its Coordinator does, or for a reason. */
  endSandbox(jobId: string, end?: Partial<Extract<SandboxObservation, { phase: "ended" }>>): void;
  /** Ends a running command. */
  exitStep(jobId: string, stepId: string, exitCode: number): void;
  /** Lets a running command vanish without a recorded exit. */
  loseStep(jobId: string, stepId: string): void;
  /** Lets the next call of `method` reject with `error`: before it did anything, or when it has done it (`after`). */
  failNext(method: Fallible, error: DanubeError, when?: "before" | "after"): void;
  /** What a restarted control plane has: another driver, not started, on the same sandboxes. This one is stopped. */
  restart(): FakeDriver;
}

interface FakeStep {
  readonly launch: FakeLaunch;
  probe: StepProbe;
}
interface FakeSandbox {
  readonly spec: SandboxSpec;
  readonly steps: Map<string, FakeStep>;
  observation: SandboxObservation;
}
interface FakeWorld {
  readonly sandboxes: Map<string, FakeSandbox>;
  readonly launches: FakeLaunch[];
  readonly signals: FakeSignal[];
  readonly specs: Map<string, SandboxSpec>;
}

const signalNumbers = { INT: 2, KILL: 9, TERM: 15 } as const;

/** Makes a fake driver with no sandboxes. */
export function createFakeDriver(options: FakeDriverOptions = {}): FakeDriver {
  return createOn({ sandboxes: new Map(), launches: [], signals: [], specs: new Map() }, options);
}

function createOn(world: FakeWorld, options: FakeDriverOptions): FakeDriver {
  const listeners = new Set<(observation: SandboxObservation) => void>();
  const failures: { method: Fallible; error: DanubeError; when: "before" | "after" }[] = [];
  let state: "new" | "started" | "stopped" = "new";

  function observe(sandbox: FakeSandbox, observation: SandboxObservation): void {
    if (sandbox.observation.phase === "ended") return;
    sandbox.observation = observation;
    tell(observation);
  }

  function tell(observation: SandboxObservation): void {
    if (state !== "started") return;
    for (const listener of listeners)
      queueMicrotask(() => {
        if (state === "started" && listeners.has(listener)) listener(observation);
      });
  }

  function getSandbox(jobId: string): FakeSandbox {
    const sandbox = world.sandboxes.get(jobId);
    if (sandbox === undefined) throw violation(`there is no sandbox of job ${jobId}`);
    return sandbox;
  }

  function getRunning(jobId: string, stepId: string): FakeStep {
    const step = getSandbox(jobId).steps.get(stepId);
    if (step?.probe.state !== "running") throw violation(`step ${stepId} does not run`);
    return step;
  }

  async function call<T>(method: Fallible, run: () => T): Promise<T> {
    await Promise.resolve();
    if (state !== "started") throw violation(`${method} on a driver that is ${state}`);
    const index = failures.findIndex((failure) => failure.method === method);
    const failure = index === -1 ? undefined : failures.splice(index, 1)[0];
    if (failure?.when === "before") throw failure.error;
    const result = run();
    if (failure !== undefined) throw failure.error;
    return result;
  }

  function create(spec: SandboxSpec): void {
    const existing = world.sandboxes.get(spec.jobId);
    if (existing !== undefined) {
      if (existing.spec.pipelineName !== spec.pipelineName)
        throw violation(`the sandbox of job ${spec.jobId} was made for another pipeline`);
      return;
    }
    const jobId = spec.jobId;
    const sandbox: FakeSandbox = { spec, steps: new Map(), observation: { jobId, phase: "starting" } };
    world.sandboxes.set(jobId, sandbox);
    world.specs.set(jobId, spec);
    observe(sandbox, sandbox.observation);
    if (options.readyByItself !== false) observe(sandbox, { jobId, phase: "ready" });
  }

  function launch(sandbox: FakeSandbox, request: FakeLaunch): StepProbe {
    const known = sandbox.steps.get(request.stepId);
    if (known !== undefined) {
      if (known.launch.script !== request.script || known.launch.capture !== request.capture)
        throw violation(`step ${request.stepId} was launched before, as something else`);
      return known.probe;
    }
    if (sandbox.observation.phase === "starting")
      throw violation(`a step was launched before the sandbox of job ${request.jobId} was ready`);
    if (sandbox.observation.phase === "ended") throw missing(request.jobId);
    const exitCode = options.run?.(request);
    const probe: StepProbe = exitCode === undefined ? { state: "running" } : { state: "exited", exitCode };
    sandbox.steps.set(request.stepId, { launch: request, probe });
    world.launches.push(request);
    return probe;
  }

  function exec(jobId: string, worker: string | undefined, command: LauncherCommand): StepProbe {
    const sandbox = world.sandboxes.get(jobId);
    if (sandbox === undefined) throw missing(jobId);
    if (worker !== undefined && !Object.hasOwn(sandbox.spec.workers, worker))
      throw violation(`job ${jobId} has no worker "${worker}"`);
    const { stepId } = command;
    if (command.verb === "launch") {
      const script = new TextDecoder("utf-8", { fatal: true }).decode(command.script);
      return launch(sandbox, { jobId, worker, stepId, capture: command.capture, script });
    }
    const step = sandbox.steps.get(stepId);
    if (step === undefined) return { state: "absent" };
    if (step.launch.worker !== worker) throw violation(`step ${stepId} was launched in another worker`);
    if (command.verb === "signal" && step.probe.state === "running") {
      const signal: FakeSignal = { jobId, stepId, signal: command.signal };
      world.signals.push(signal);
      if (options.obeys?.(signal) ?? true)
        step.probe = { state: "exited", exitCode: 128 + signalNumbers[command.signal] };
    }
    return step.probe;
  }

  function remove(jobId: string, graceMs: number): void {
    if (!(graceMs >= 0)) throw violation(`a grace of ${graceMs} ms`);
    const sandbox = world.sandboxes.get(jobId);
    if (sandbox === undefined) return;
    observe(sandbox, { jobId, phase: "ended", message: "The sandbox was deleted." });
    world.sandboxes.delete(jobId);
    world.specs.delete(jobId);
  }

  return {
    name: "fake",
    isolation: "pod",
    launches: world.launches,
    signals: world.signals,
    specs: world.specs,
    async start() {
      if (state !== "new") throw violation(`start on a driver that is ${state}`);
      state = "started";
      for (const { observation } of world.sandboxes.values()) tell(observation);
    },
    async stop() {
      state = "stopped";
    },
    createSandbox: (spec) => call("createSandbox", () => create(spec)),
    onObservation(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    listSandboxes: () => call("listSandboxes", () => [...world.sandboxes.values()].map((it) => it.observation)),
    exec: (jobId, worker, command) => call("exec", () => exec(jobId, worker, command)),
    deleteSandbox: (jobId, { graceMs }) => call("deleteSandbox", () => remove(jobId, graceMs)),
    async check() {
      return { ok: true };
    },
    ready: (jobId) => observe(getSandbox(jobId), { jobId, phase: "ready" }),
    waitFor: (jobId, message) => observe(getSandbox(jobId), { jobId, phase: "starting", message }),
    endSandbox: (jobId, end) =>
      observe(getSandbox(jobId), { message: "The Coordinator ended.", ...end, jobId, phase: "ended" }),
    exitStep(jobId, stepId, exitCode) {
      getRunning(jobId, stepId).probe = { state: "exited", exitCode };
    },
    loseStep(jobId, stepId) {
      getRunning(jobId, stepId).probe = { state: "dead" };
    },
    failNext: (method, error, when = "before") => void failures.push({ method, error, when }),
    restart() {
      state = "stopped";
      return createOn(world, options);
    },
  };
}

function violation(what: string): DanubeError {
  return new DanubeError("protocol_violation", `The driver was used against its contract: ${what}.`);
}

function missing(jobId: string): DanubeError {
  return new DanubeError("sandbox_missing", "The job has no sandbox.", { ids: { jobId } });
}
