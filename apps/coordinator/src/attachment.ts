// Hears what the job is about and, later, that it is cancelled. Held open for the whole job.
import type { Logger } from "@danube/kit";
import type { JobContext, JobMethods } from "@danube/protocol";
import { resubscribe, type RpcClient } from "@danube/rpc";
import { idleClock } from "./hold.ts";

export interface Attachment {
  /** Rejects when the control plane does not know this job (any more). */
  readonly context: Promise<JobContext>;
  /** Aborts when the job is cancelled; its reason is an Error with the sentence for people. */
  readonly cancelled: AbortSignal;
  /** Settles only when the control plane refuses this job: rejects with why. */
  readonly refused: Promise<never>;
}

export function attach(options: {
  readonly client: Pick<RpcClient<JobMethods>, "attach">;
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
}): Attachment {
  const { client, logger, signal } = options;
  const context = Promise.withResolvers<JobContext>();
  const refused = Promise.withResolvers<never>();
  const cancelled = new AbortController();
  const listen = async (): Promise<void> => {
    const events = resubscribe((signal) => client.attach({}, { signal }), {
      name: "attach",
      signal,
      logger,
      clock: idleClock,
    });
    for await (const event of events) {
      if (event.type === "context") context.resolve(event.context);
      if (event.type === "cancel") cancelled.abort(new Error(event.message));
    }
  };
  listen().catch((error: unknown) => {
    context.reject(error);
    refused.reject(error);
  });
  // Each is looked at where it matters; that nobody does at the moment is no accident.
  context.promise.catch(() => undefined);
  refused.promise.catch(() => undefined);
  return { context: context.promise, cancelled: cancelled.signal, refused: refused.promise };
}
