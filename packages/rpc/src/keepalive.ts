// Finds out that the other end of a connection is gone though nobody said so: a half-open connection.
import type { Http2Session } from "node:http2";
import type { Cancel, Clock } from "@danube/kit";

export interface KeepaliveOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** How long an answer may take. */
  readonly timeoutMs: number;
  /** Called once if the connection is dead, before the session is destroyed. */
  readonly onDead: () => void;
}

/**
 * Pings at once and then at every interval, until the session closes. An answer may be late behind bulk data, so any byte
 * that arrives counts as a sign of life; without one the session is destroyed.
 */
export function keepAlive(session: Http2Session, { clock, intervalMs, timeoutMs, onDead }: KeepaliveOptions): void {
  let cancel: Cancel = () => undefined;
  session.once("close", () => cancel());

  const plan = (run: () => void, ms: number): Cancel => clock.setTimeout(run, ms, { background: true });
  const ping = (): void => {
    // Between its destruction and its `close` a session has no socket.
    if (session.destroyed) return;
    const bytesBefore = session.socket.bytesRead;
    const judge = (): void => {
      if (session.destroyed || cancel !== cancelTimeout) return;
      if (session.socket.bytesRead !== bytesBefore) return ping();
      onDead();
      session.destroy();
    };
    // After a stall of this process its timers come first, and answers that wait in the socket are read only then.
    const cancelTimeout = plan(() => void setImmediate(judge), timeoutMs);
    cancel = cancelTimeout;
    session.ping(() => {
      // The answer to an earlier ping changes nothing: the next one is on its way already.
      if (cancel !== cancelTimeout || session.destroyed) return;
      cancelTimeout();
      cancel = plan(ping, intervalMs);
    });
  };
  ping();
}
