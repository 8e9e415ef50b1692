// The reading side of P6: a process with many plain sockets, so that the readers do not share the server's event loop.
import { connect } from "node:net";
import { percentile } from "./measure.ts";

const [url, token, readerCount, lineCount] = process.argv.slice(2) as [string, string, string, string];
const { hostname, port, pathname, host } = new URL(url);
const expected = Number(readerCount) * Number(lineCount);
const latencies: number[] = [];
let connected = 0;
let received = 0;

for (let index = 0; index < Number(readerCount); index += 1) {
  const socket = connect(Number(port), hostname, () => {
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nAccept: text/event-stream\r\n\r\n`,
    );
    connected += 1;
    if (connected === Number(readerCount)) setTimeout(() => process.send?.("connected"), 1_000); // the answers' headers are on their way
  });
  let rest = "";
  socket.on("data", (chunk) => {
    const now = performance.timeOrigin + performance.now();
    const text = rest + chunk.toString("latin1");
    let last = 0;
    for (const match of text.matchAll(/t=(\d+\.\d{3})\\n/g)) {
      last = match.index + match[0].length;
      received += 1;
      latencies.push(now - Number(match[1]));
    }
    rest = text.slice(Math.max(last, text.length - 40));
    if (received >= expected) report();
  });
  socket.on("error", (error) => console.error(`reader ${index}: ${error.message}`));
}

let reported = false;
function report(): void {
  if (reported) return;
  reported = true;
  process.send?.({ received, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) });
}
setTimeout(report, 60_000).unref();
