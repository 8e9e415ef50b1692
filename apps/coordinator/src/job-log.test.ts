import { silentLogger } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import { describe, expect, it } from "vitest";
import { createJobLog } from "./job-log.ts";

/** Takes requests as the control plane does. While `isAway`, they wait. */
function createReceiver() {
  const receiver = {
    text: "",
    requests: 0,
    longest: 0,
    back: Promise.resolve(),
    refuses: false,
    async appendLog({ offset, text }: { offset: number; text: string }) {
      await receiver.back;
      if (receiver.refuses) throw new DanubeError("job_not_active", "The job is over.");
      expect(offset).toBe(Buffer.byteLength(receiver.text));
      receiver.requests += 1;
      receiver.longest = Math.max(receiver.longest, text.length);
      receiver.text += text;
      return { offset: Buffer.byteLength(receiver.text) };
    },
  };
  return receiver;
}

describe("createJobLog", () => {
  it("sends what one turn wrote in one request, and characters whole", async () => {
    const receiver = createReceiver();
    const log = createJobLog(receiver, silentLogger);
    const bytes = Buffer.from("é€😀\n");
    log.write("a");
    for (const byte of bytes) log.write(Uint8Array.of(byte));
    await log.flush();
    expect([receiver.text, receiver.requests]).toEqual(["aé€😀\n", 1]);
  });

  it("cuts long text into requests, but no character in two", async () => {
    const receiver = createReceiver();
    const log = createJobLog(receiver, silentLogger);
    const text = `x${"😀".repeat(300_000)}`;
    log.write(text);
    await log.flush();
    expect(receiver.text === text).toBe(true);
    expect([receiver.requests, receiver.longest]).toEqual([3, 262_144]);
  });

  it("puts a note on a line by itself", async () => {
    const receiver = createReceiver();
    const log = createJobLog(receiver, silentLogger);
    log.write("unfinished");
    log.note("one");
    log.note("two\n");
    await log.flush();
    expect(receiver.text).toBe("unfinished\none\ntwo\n");
  });

  it("drops what is too much while nobody takes it, and says so", async () => {
    const receiver = createReceiver();
    const away = Promise.withResolvers<void>();
    receiver.back = away.promise;
    const log = createJobLog(receiver, silentLogger);
    const megabyte = "x".repeat(1_048_576);
    for (let index = 0; index < 20; index++) log.write(megabyte);
    away.resolve();
    await log.flush();
    expect(receiver.text.startsWith(megabyte)).toBe(true);
    expect(
      receiver.text.endsWith("\n[danube: 4194304 characters that the pipeline file printed are missing here]\n"),
    ).toBe(true);
  });

  it("sends again what a control plane forgot when it was started again, and ends the log when all is stored", async () => {
    const receiver = { bytes: "", stored: 0, final: false };
    const log = createJobLog(
      {
        async appendLog({ offset, text, final = false }: { offset: number; text: string; final?: boolean }) {
          if (offset > receiver.bytes.length) throw new DanubeError("protocol_violation", "a gap");
          receiver.bytes = receiver.bytes.slice(0, offset) + text;
          receiver.stored = final ? receiver.bytes.length : receiver.bytes.lastIndexOf("\n") + 1;
          receiver.final = final;
          return { offset: receiver.stored };
        },
      },
      silentLogger,
    );
    const restart = () => {
      receiver.bytes = receiver.bytes.slice(0, receiver.stored);
    };
    for (const text of ["one\ntw", "o\nthr", "ee", "\nfour"]) {
      log.write(text);
      await log.flush();
      restart();
    }
    expect(await log.end()).toBe(true);
    log.write("too late");
    await log.flush();
    expect(receiver).toEqual({ bytes: "one\ntwo\nthree\nfour", stored: 18, final: true });
  });

  it("gives up quietly when the job's log is closed", async () => {
    const receiver = createReceiver();
    receiver.refuses = true;
    const log = createJobLog(receiver, silentLogger);
    log.write("a");
    await log.flush();
    log.write("b");
    await log.flush();
    expect(receiver.text).toBe("");
    expect(await log.end()).toBe(false);
  });
});
