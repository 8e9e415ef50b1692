// Every metric of Danube, in one place. No label may have values that grow without bound: no job ids, no secret names.
import * as prometheus from "prom-client";
import {
  type Counter,
  createCounter,
  createGauge,
  createHistogram,
  type Gauge,
  type Histogram,
  type MetricText,
} from "./metric.ts";

export interface Metrics {
  readonly jobsTotal: Counter<"status" | "pipeline">;
  readonly jobDurationSeconds: Histogram;
  readonly jobQueueSeconds: Histogram;
  readonly activeJobs: Gauge;
  readonly jobQueueSize: Gauge;
  readonly stepDurationSeconds: Histogram;
  readonly dbQueriesTotal: Counter;
  readonly dbQueryDurationSeconds: Histogram;
  readonly dbWriteQueue: Gauge;
  readonly k8sApiCallsTotal: Counter<"operation" | "status">;
  readonly k8sApiCallDurationSeconds: Histogram;
  readonly k8sPodsActive: Gauge;
  readonly secretRequestsTotal: Counter<"result">;
  readonly logBytesWrittenTotal: Counter;
  readonly sseClientsActive: Gauge;
  readonly sseMessagesSentTotal: Counter;
  readonly blueprintSyncTotal: Counter<"status">;
  /** Seconds since 1970 of the last sync that succeeded. */
  readonly blueprintSyncLastSuccess: Gauge;
  readonly blueprintSyncDurationSeconds: Histogram;
  readonly blueprintChangesAppliedTotal: Counter;
  readonly webhookEventsTotal: Counter<"forge" | "result">;
  readonly authLoginsTotal: Counter;
  readonly authPermissionDeniedTotal: Counter;
  readonly reaperDeletedTotal: Counter<"kind">;
  readonly diskFreeBytes: Gauge;
  /** The `content-type` of what `render` gives. */
  readonly contentType: string;
  /** All of it in Prometheus' text format. */
  render(): Promise<string>;
}

export interface MetricsOptions {
  /** Also measure the process itself: CPU, memory, event loop, garbage collection. Off unless told otherwise. */
  readonly processMetrics?: boolean;
}

const quick = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const long = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200];

/** The metrics of one process, in a registry of their own. */
export function createMetrics({ processMetrics = false }: MetricsOptions = {}): Metrics {
  const registry = new prometheus.Registry();
  if (processMetrics) prometheus.collectDefaultMetrics({ register: registry });

  const text = <L extends string>(name: string, help: string, labels: readonly L[]): MetricText<L> => ({
    name: `danube_${name}`,
    help,
    labels,
  });
  const counter = <L extends string = never>(name: string, help: string, labels: readonly L[] = []) =>
    createCounter(registry, text(name, help, labels));
  const gauge = (name: string, help: string) => createGauge(registry, text<never>(name, help, []));
  const histogram = (name: string, help: string, buckets: readonly number[]) =>
    createHistogram(registry, { ...text<never>(name, help, []), buckets });

  return {
    jobsTotal: counter("jobs_total", "Jobs that ended.", ["status", "pipeline"]),
    jobDurationSeconds: histogram("job_duration_seconds", "From a job's start to its end.", long),
    jobQueueSeconds: histogram("job_queue_seconds", "From a job's creation to its start.", long),
    activeJobs: gauge("active_jobs", "Jobs that are scheduling or running."),
    jobQueueSize: gauge("job_queue_size", "Jobs that are pending."),
    stepDurationSeconds: histogram("step_duration_seconds", "From a step's start to its end.", long),
    dbQueriesTotal: counter("db_queries_total", "Statements run on the database."),
    dbQueryDurationSeconds: histogram("db_query_duration_seconds", "How long a statement took.", quick),
    dbWriteQueue: gauge("db_write_queue", "Transactions that wait for the writer."),
    k8sApiCallsTotal: counter("k8s_api_calls_total", "Calls of the Kubernetes API.", ["operation", "status"]),
    k8sApiCallDurationSeconds: histogram("k8s_api_call_duration_seconds", "How long such a call took.", quick),
    k8sPodsActive: gauge("k8s_pods_active", "Pods of jobs that exist."),
    secretRequestsTotal: counter("secret_requests_total", "Secrets that jobs asked for.", ["result"]),
    logBytesWrittenTotal: counter("log_bytes_written_total", "Bytes written to job logs."),
    sseClientsActive: gauge("sse_clients_active", "Open event streams."),
    sseMessagesSentTotal: counter("sse_messages_sent_total", "Events sent on them."),
    blueprintSyncTotal: counter("blueprint_sync_total", "Syncs of the blueprint.", ["status"]),
    blueprintSyncLastSuccess: gauge("blueprint_sync_last_success", "When one last succeeded, in seconds since 1970."),
    blueprintSyncDurationSeconds: histogram("blueprint_sync_duration_seconds", "How long a sync took.", long),
    blueprintChangesAppliedTotal: counter("blueprint_changes_applied_total", "Changes of configuration applied."),
    webhookEventsTotal: counter("webhook_events_total", "Webhooks that arrived.", ["forge", "result"]),
    authLoginsTotal: counter("auth_logins_total", "Logins that succeeded."),
    authPermissionDeniedTotal: counter("auth_permission_denied_total", "Requests refused for want of permission."),
    reaperDeletedTotal: counter("reaper_deleted_total", "What retention deleted.", ["kind"]),
    diskFreeBytes: gauge("disk_free_bytes", "Free space on the volume of the data directory."),
    contentType: registry.contentType,
    render: () => registry.metrics(),
  };
}
