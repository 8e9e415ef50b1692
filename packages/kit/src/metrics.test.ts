import { expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";

/** The names that other people's dashboards rely on. */
const contract = `jobs_total job_duration_seconds job_queue_seconds active_jobs job_queue_size step_duration_seconds
  db_queries_total db_query_duration_seconds db_write_queue k8s_api_calls_total k8s_api_call_duration_seconds
  k8s_pods_active secret_requests_total log_bytes_written_total sse_clients_active sse_messages_sent_total
  blueprint_sync_total blueprint_sync_last_success blueprint_sync_duration_seconds blueprint_changes_applied_total
  webhook_events_total auth_logins_total auth_permission_denied_total reaper_deleted_total disk_free_bytes`;

it("has exactly the metrics of the contract", async () => {
  const text = await createMetrics().render();
  const names = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  expect(names).toEqual(new Set(contract.split(/\s+/).map((name) => `danube_${name}`)));
});

it("counts, sets and observes with labels", async () => {
  const metrics = createMetrics();
  metrics.jobsTotal.increment({ status: "success", pipeline: 'a"b\n' });
  metrics.jobsTotal.add(2, { status: "success", pipeline: 'a"b\n' });
  metrics.logBytesWrittenTotal.add(10);
  metrics.logBytesWrittenTotal.increment();
  metrics.activeJobs.set(5);
  metrics.activeJobs.add(-2);
  metrics.jobQueueSeconds.observe(3);
  const text = await metrics.render();
  expect(text).toContain('danube_jobs_total{status="success",pipeline="a\\"b\\n"} 3\n');
  expect(text).toContain("danube_log_bytes_written_total 11\n");
  expect(text).toContain("danube_active_jobs 3\n");
  expect(text).toContain('danube_job_queue_seconds_bucket{le="1"} 0\n');
  expect(text).toContain('danube_job_queue_seconds_bucket{le="5"} 1\n');
});

it("measures each process by itself, and the process only when asked", async () => {
  const first = createMetrics({ processMetrics: true });
  first.activeJobs.set(1);
  expect(await first.render()).toContain("process_cpu_seconds_total");
  expect(await createMetrics().render()).toContain("danube_active_jobs 0\n");
});
