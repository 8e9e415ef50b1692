// Every call to the Kubernetes API goes through here: counted, limited, and tried again where that can help.
import { type Clock, delay, type Logger, type Metrics } from "@danube/kit";
import { isTransient, statusOf } from "./api-errors.ts";

export interface ApiCallsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Pick<Metrics, "k8sApiCallsTotal" | "k8sApiCallDurationSeconds"> | undefined;
  /** Calls a second that are let through on average, and at once after a pause. */
  readonly perSecond: number;
  readonly burst: number;
}

export interface ApiCalls {
  /** One try. */
  once<T>(operation: string, call: () => Promise<T>): Promise<T>;
  /** Tries again after a transient failure, with longer and longer pauses, until `signal` aborts. */
  untilAnswered<T>(operation: string, call: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

export function createApiCalls(options: ApiCallsOptions): ApiCalls {
  const { clock, logger, metrics, perSecond, burst } = options;
  let tokens = burst;
  let filledAt = clock.monotonicMs();

  /** Takes a token, waiting for it in the order of arrival. */
  async function admit(): Promise<void> {
    const now = clock.monotonicMs();
    tokens = Math.min(burst, tokens + ((now - filledAt) / 1_000) * perSecond);
    filledAt = now;
    tokens -= 1;
    if (tokens < 0) await delay(clock, (-tokens / perSecond) * 1_000);
  }

  async function once<T>(operation: string, call: () => Promise<T>): Promise<T> {
    await admit();
    const start = clock.monotonicMs();
    const count = (status: string) => {
      metrics?.k8sApiCallsTotal.increment({ operation, status });
      metrics?.k8sApiCallDurationSeconds.observe((clock.monotonicMs() - start) / 1_000);
    };
    try {
      const result = await call();
      count("ok");
      return result;
    } catch (error) {
      count(String(statusOf(error) ?? "no_answer"));
      throw error;
    }
  }

  return {
    once,
    async untilAnswered(operation, call, signal) {
      for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 2, 10_000)) {
        try {
          return await once(operation, call);
        } catch (error) {
          if (!isTransient(error) || signal.aborted) throw error;
          logger.warn("Kubernetes did not answer; trying again", { operation, pauseMs, error });
          await delay(clock, pauseMs * (0.5 + Math.random()), signal);
          if (signal.aborted) throw error;
        }
      }
    },
  };
}
