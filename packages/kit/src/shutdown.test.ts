import { EventEmitter, once } from "node:events";
import { describe, expect, it } from "vitest";
import { silentLogger } from "./logger.ts";
import { createShutdown } from "./shutdown.ts";
import { createTestClock } from "./test-clock.ts";

function start() {
  const clock = createTestClock();
  const host = new EventEmitter();
  const exits: number[] = [];
  const process = Object.assign(host, {
    exit(code: number) {
      exits.push(code);
      host.emit("exited");
    },
  });
  const errors: string[] = [];
  const record = (message: string, fields?: object) => void errors.push(`${message} ${JSON.stringify(fields)}`);
  const shutdown = createShutdown({ logger: { ...silentLogger, error: record }, clock, deadlineMs: 1_000, process });
  shutdown.listen();
  return { clock, process, exits, errors, shutdown };
}

describe("a shutdown", () => {
  it("stops the last started first, one after the other, then exits", async () => {
    const { process, exits, shutdown } = start();
    const log: string[] = [];
    for (const name of ["database", "rpc", "api"])
      shutdown.add(name, async () => {
        log.push(`${name} stops`);
        await new Promise(setImmediate);
        log.push(`${name} stopped`);
      });
    expect(shutdown.signal.aborted).toBe(false);
    process.emit("SIGTERM");
    expect(shutdown.signal.aborted).toBe(true);
    await once(process, "exited");
    expect(log).toEqual(["api", "rpc", "database"].flatMap((name) => [`${name} stops`, `${name} stopped`]));
    expect(exits).toEqual([0]);
  });

  it("goes on when one does not stop well, and tells by its exit code", async () => {
    const { process, exits, errors, shutdown } = start();
    let stopped = false;
    shutdown.add("good", () => {
      stopped = true;
    });
    shutdown.add("bad", () => {
      throw new Error("no");
    });
    process.emit("SIGINT");
    await once(process, "exited");
    expect(stopped).toBe(true);
    expect(errors).toHaveLength(1);
    expect(exits).toEqual([1]);
  });

  it("exits at the deadline and names what is left", async () => {
    const { clock, process, exits, errors, shutdown } = start();
    shutdown.add("never reached", () => undefined);
    shutdown.add("hangs", () => new Promise(() => undefined));
    process.emit("SIGTERM");
    await clock.advance(999);
    expect(exits).toEqual([]);
    await clock.advance(1);
    expect(exits).toEqual([1]);
    expect(errors[0]).toContain('["hangs","never reached"]');
  });

  it("ends at once at a second signal", () => {
    const { process, exits, shutdown } = start();
    shutdown.add("hangs", () => new Promise(() => undefined));
    process.emit("SIGTERM");
    process.emit("SIGTERM");
    process.emit("SIGINT");
    expect(exits).toEqual([143, 130]);
  });

  it("tells an interruption from a termination", async () => {
    const { process, exits } = start();
    process.emit("SIGINT");
    await once(process, "exited");
    expect(exits).toEqual([130]);
  });

  it("can be asked for in code, once, without an exit", async () => {
    const { clock, exits, shutdown } = start();
    let stops = 0;
    shutdown.add("resource", () => {
      stops += 1;
      shutdown.add("made meanwhile", () => {
        stops += 1;
      });
    });
    expect(await Promise.all([shutdown.stop("test"), shutdown.stop("again")])).toEqual([true, true]);
    expect(stops).toBe(2);
    expect(exits).toEqual([]);
    expect(clock.timers()).toBe(0);
  });

  it("reloads at SIGHUP, stops nothing, and survives a hook that fails", async () => {
    const { process, errors, shutdown } = start();
    const reloaded = Promise.withResolvers<void>();
    shutdown.onReload(() => Promise.reject(new Error("bad file")));
    shutdown.onReload(() => reloaded.resolve());
    process.emit("SIGHUP");
    await reloaded.promise;
    expect(errors).toHaveLength(1);
    expect(shutdown.signal.aborted).toBe(false);
  });
});
