import { connect } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { once } from "node:events";
import { createTestClock, systemClock } from "@danube/kit";
import { afterEach, expect, it } from "vitest";
import { keepAlive } from "./keepalive.ts";

/** An empty SETTINGS frame: bytes that are no answer to a ping. Source: RFC 9113, section 6.5. */
const settingsFrame = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A peer that speaks just enough HTTP/2 to be connected to, and never answers a ping. */
async function startMutePeer(): Promise<{ port: number; accepted: Promise<Socket> }> {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(settingsFrame);
    cleanups.push(() => socket.destroy());
    accepted.resolve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, accepted: accepted.promise };
}

it("keeps a connection on which bytes arrive, and ends one on which none do", async () => {
  const { port, accepted } = await startMutePeer();
  const clock = createTestClock();
  const session = connect(`http://127.0.0.1:${port}`);
  cleanups.push(() => session.destroy());
  session.on("error", () => undefined);
  const peer = await accepted;
  await once(session, "remoteSettings");
  let dead = 0;
  const onDead = (): void => {
    dead += 1;
  };
  keepAlive(session, { clock, intervalMs: 1_000, timeoutMs: 500, onDead });

  for (let round = 0; round < 3; round += 1) {
    const arrived = once(session, "remoteSettings");
    peer.write(settingsFrame);
    await arrived;
    await clock.advance(500);
    expect(session.destroyed).toBe(false);
  }
  await clock.advance(499);
  expect(session.destroyed).toBe(false);
  const closed = once(session, "close");
  await clock.advance(1);
  await closed;
  expect(dead).toBe(1);
  expect(clock.timers()).toBe(0);
});

it("reads what waits in the socket before it judges, however late its timers come", async () => {
  const { port, accepted } = await startMutePeer();
  const session = connect(`http://127.0.0.1:${port}`);
  cleanups.push(() => session.destroy());
  session.on("error", () => undefined);
  const peer = await accepted;
  await once(session, "remoteSettings");
  let dead = 0;
  const onDead = (): void => {
    dead += 1;
  };
  const arrived = once(session, "remoteSettings");
  keepAlive(session, { clock: systemClock, intervalMs: 60_000, timeoutMs: 50, onDead });
  // The bytes leave at once; then this thread stalls until the timeout is long due, and both become known together.
  peer.write(settingsFrame);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  await arrived;
  expect(dead).toBe(0);
});

it("plans nothing more for a session that has closed", async () => {
  const { port, accepted } = await startMutePeer();
  const clock = createTestClock();
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => undefined);
  await accepted;
  await once(session, "remoteSettings");
  keepAlive(session, { clock, intervalMs: 1_000, timeoutMs: 500, onDead: () => undefined });
  expect(clock.timers()).toBe(1);
  session.destroy();
  await once(session, "close");
  expect(clock.timers()).toBe(0);
});
