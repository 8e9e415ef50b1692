import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

const sockets: Socket[] = [];
const server = createServer({ allowHalfOpen: true });
let proxy: TcpProxy;

beforeEach(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await createTcpProxy({ target: { host: "127.0.0.1", port: (server.address() as AddressInfo).port } });
});
afterEach(async () => {
  await proxy.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
  await once(server, "close");
});

/** A connection through the proxy, both ends of it. */
async function open(): Promise<{ near: Socket; far: Socket }> {
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const near = connect({ port: proxy.address.port, host: "127.0.0.1", allowHalfOpen: true });
  const [far] = await accepted;
  sockets.push(near, far);
  for (const socket of [near, far]) socket.on("error", () => undefined);
  return { near, far };
}

/** Resolves when a socket has closed, whether well or not. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}

async function read(socket: Socket, sizeBytes: number): Promise<string> {
  let text = "";
  while (text.length < sizeBytes) text += String((await once(socket, "data"))[0]);
  return text;
}

describe("the proxy", () => {
  it("passes bytes both ways, and half-closes as they come", async () => {
    const { near, far } = await open();
    near.end("ping");
    expect(await read(far, 4)).toBe("ping");
    await once(far, "end");
    far.end("pong");
    expect(await read(near, 4)).toBe("pong");
    await once(near, "end");
    expect(proxy.bytes()).toEqual({ fromClients: 4, fromTarget: 4 });
  });

  it("cuts with a reset, or with an end", async () => {
    const first = await open();
    first.near.resume();
    const reset = closed(first.near);
    expect(proxy.cut("rst")).toBe(1);
    await reset;
    expect(first.near.errored).toMatchObject({ code: "ECONNRESET" });

    const second = await open();
    second.near.resume();
    const ended = once(second.near, "end");
    proxy.cut("fin");
    await ended;
    expect(second.near.errored).toBeNull();
  });

  it("cuts right after the byte it was told", async () => {
    const { near, far } = await open();
    proxy.cutAfter(5, "fromClients", "fin");
    let text = "";
    far.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    near.write("abc");
    near.write("defgh");
    await once(far, "end");
    expect(text).toBe("abcde");
    expect(proxy.connections()).toBe(0);
  });

  it("swallows bytes without a word, and cuts what has lost some when it is restored", async () => {
    const { near, far } = await open();
    const spared = await open();
    proxy.blackHole();
    let text = "";
    far.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    near.write("lost");
    while (proxy.bytes().fromClients < 4) await new Promise(setImmediate);
    const gone = closed(near.resume());
    proxy.restore();
    await gone;
    expect(text).toBe("");
    spared.near.write("kept");
    expect(await read(spared.far, 4)).toBe("kept");
  });

  it("delays bytes and keeps their order when the delay shrinks", async () => {
    const { near, far } = await open();
    proxy.delay(40);
    const begun = performance.now();
    near.write("first ");
    while (proxy.bytes().fromClients < 6) await new Promise(setImmediate);
    proxy.delay(0);
    near.write("second");
    expect(await read(far, 12)).toBe("first second");
    expect(performance.now() - begun).toBeGreaterThanOrEqual(39);
  });

  it("refuses new connections and keeps the old ones", async () => {
    const { near, far } = await open();
    proxy.refuse();
    const refused = connect({ port: proxy.address.port, host: "127.0.0.1" });
    refused.on("error", () => undefined);
    await closed(refused.resume());
    near.write("still here");
    expect(await read(far, 10)).toBe("still here");
  });
});
