// Stands before the API server: counts what is asked of it, and breaks connections. Clients reach it without TLS.
import { createServer, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";

export interface KubernetesProxy {
  readonly url: string;
  /** Every request so far, oldest first. */
  readonly requests: readonly { readonly method: string; readonly path: string; readonly body: string }[];
  /** Resets every connection that is open now; tells how many there were. */
  cut(): number;
  /** From now on, each exec's connection is reset with this probability, at a random moment within its first 60 ms. */
  breakExecs(probability: number): void;
  /** How many were. */
  brokenExecs(): number;
  close(): Promise<void>;
}

export interface KubernetesProxyOptions {
  /** The API server's URL. */
  readonly server: string;
  /** Its authority, as a kubeconfig has it. */
  readonly authority: string;
  /** Whose requests they become: clients send no token where there is no TLS. */
  readonly token: string;
}

export async function startKubernetesProxy({
  server,
  authority,
  token,
}: KubernetesProxyOptions): Promise<KubernetesProxy> {
  const target = new URL(server);
  const authorization = `Bearer ${token}`;
  const ca = Buffer.from(authority, "base64");
  const requests: { method: string; path: string; body: string }[] = [];
  const sockets = new Set<Socket>();
  let execBreak = 0;
  let execsBroken = 0;
  const note = ({ method = "", url = "" }: IncomingMessage) => {
    const entry = { method, path: url, body: "" };
    requests.push(entry);
    return entry;
  };

  const proxy = createServer((incoming, response) => {
    const entry = note(incoming);
    const { method, url } = incoming;
    const headers = { ...incoming.headers, authorization };
    const outgoing = httpsRequest(new URL(url ?? "/", target), { method, headers, ca }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    outgoing.on("error", () => incoming.socket.destroy());
    response.on("close", () => outgoing.destroy());
    incoming.on("data", (chunk: Buffer) => {
      entry.body += chunk.toString("latin1");
    });
    incoming.pipe(outgoing);
  });
  proxy.on("upgrade", (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    note(incoming);
    if (Math.random() < execBreak) {
      execsBroken += 1;
      setTimeout(() => socket.resetAndDestroy(), Math.random() * 60);
    }
    const far = tlsConnect({ host: target.hostname, port: Number(target.port), ca }, () => {
      const { method, url, rawHeaders } = incoming;
      const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
      const sent = lines.filter((line) => !/^authorization:/i.test(line));
      far.write([`${method} ${url} HTTP/1.1`, ...sent, `Authorization: ${authorization}`, "", ""].join("\r\n"));
      far.write(head);
      far.pipe(socket).pipe(far);
    });
    far.on("error", () => socket.destroy());
    far.on("close", () => socket.destroy());
    socket.on("error", () => far.destroy());
    socket.on("close", () => far.destroy());
  });
  proxy.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));

  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    requests,
    cut() {
      const open = [...sockets];
      for (const socket of open) socket.resetAndDestroy();
      return open.length;
    },
    breakExecs(probability) {
      execBreak = probability;
    },
    brokenExecs: () => execsBroken,
    close: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
