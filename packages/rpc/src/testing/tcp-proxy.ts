// A TCP proxy that breaks connections the way networks do. For tests, of whatever speaks TCP.
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import type { Address } from "@danube/kit";
import { createInOrder } from "./in-order.ts";

/** `rst`: as when a process dies or a firewall refuses. `fin`: as when an idle connection is closed by a proxy. */
export type CutHow = "rst" | "fin";

export interface TcpProxyOptions {
  /** Where connections are passed on to; a function is asked for each connection. */
  readonly target: Address | (() => Address);
}

export interface TcpProxy {
  readonly address: Address;
  /** Connections that are open now. */
  connections(): number;
  /** Connections accepted so far. */
  accepted(): number;
  /** Bytes that came from clients and from the target so far, whether or not they were passed on. */
  bytes(): { readonly fromClients: number; readonly fromTarget: number };
  /** Cuts every open connection on both sides. Returns how many. */
  cut(how: CutHow): number;
  /**
   * Cuts the one connection that carries the byte number `count`, counted from now over all connections in this direction,
   * right after that byte was passed on. Replaces an earlier order.
   */
  cutAfter(count: number, direction: "fromClients" | "fromTarget", how: CutHow): void;
  /** From now on every byte vanishes while connections stay open, new ones too: nobody learns that the other is gone. */
  blackHole(): void;
  /** Holds every byte back for `ms` before it is passed on. */
  delay(ms: number): void;
  /** Resets new connections at once; open ones go on. */
  refuse(): void;
  /** Ends `blackHole`, `delay` and `refuse`. Bytes that vanished stay lost, so connections that lost some are cut (RST). */
  restore(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
  lossy: boolean;
}

/** A proxy on a free port of the loopback interface. */
export async function createTcpProxy({ target }: TcpProxyOptions): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const counted = { fromClients: 0, fromTarget: 0 };
  let accepted = 0;
  let mode: "pass" | "black-hole" = "pass";
  let refusing = false;
  let delayMs = 0;
  let order: { left: number; readonly direction: keyof typeof counted; readonly how: CutHow } | undefined;

  const forward = (pair: Pair, from: Socket, to: Socket, direction: keyof typeof counted): void => {
    const inOrder = createInOrder();
    const later = (run: () => void): void => inOrder(run, delayMs);
    let cutting = false;
    const pass = (bytes: Buffer): void => {
      if (!to.writable || to.write(bytes)) return;
      from.pause();
      to.once("drain", () => from.resume());
    };
    from.on("data", (chunk: Buffer) => {
      counted[direction] += chunk.length;
      if (cutting) return;
      if (mode === "black-hole") {
        pair.lossy = true;
        return;
      }
      if (order?.direction !== direction) return later(() => pass(chunk));
      const { left, how } = order;
      order.left -= chunk.length;
      if (order.left > 0) return later(() => pass(chunk));
      order = undefined;
      cutting = true;
      // The cut waits until the bytes before it are out: a reset would take them along.
      later(() => to.write(chunk.subarray(0, left), () => cutPair(pair, how)));
    });
    from.on("end", () => {
      if (mode === "black-hole") pair.lossy = true;
      else later(() => to.end());
    });
    // An error is followed by `close`, and closing one side closes the other.
    from.on("error", () => undefined);
    from.on("close", () => {
      if (mode === "black-hole") pair.lossy = true;
      else later(() => cutPair(pair, from.errored ? "rst" : "fin"));
    });
  };
  const cutPair = (pair: Pair, how: CutHow): void => {
    if (!pairs.delete(pair)) return;
    for (const socket of [pair.client, pair.target]) {
      if (how === "rst") socket.resetAndDestroy();
      else socket.destroySoon();
    }
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    accepted += 1;
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const { host, port } = typeof target === "function" ? target() : target;
    const pair = { client, target: connect({ host, port, noDelay: true, allowHalfOpen: true }), lossy: false };
    client.setNoDelay(true);
    pairs.add(pair);
    forward(pair, client, pair.target, "fromClients");
    forward(pair, pair.target, client, "fromTarget");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    address: { host: "127.0.0.1", port },
    connections: () => pairs.size,
    accepted: () => accepted,
    bytes: () => ({ ...counted }),
    cut(how) {
      const open = [...pairs];
      for (const pair of open) cutPair(pair, how);
      return open.length;
    },
    cutAfter(count, direction, how) {
      order = { left: Math.max(1, count), direction, how };
    },
    blackHole() {
      mode = "black-hole";
    },
    delay(ms) {
      delayMs = ms;
    },
    refuse() {
      refusing = true;
    },
    restore() {
      mode = "pass";
      refusing = false;
      delayMs = 0;
      for (const pair of pairs) if (pair.lossy) cutPair(pair, "rst");
    },
    async close() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      for (const pair of pairs) cutPair(pair, "rst");
      await closed;
    },
  };
}
