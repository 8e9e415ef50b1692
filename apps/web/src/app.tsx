import { JobPage } from "./job-page.tsx";
import { JobsPage } from "./jobs-page.tsx";

/** Which page an address is. Every navigation loads anew: there is no state to carry along. */
export function App({ path }: { path: string }) {
  const jobId = /^\/jobs\/([^/]+)$/.exec(path)?.[1];
  const pipeline = /^\/pipelines\/([^/]+)$/.exec(path)?.[1];
  return (
    <>
      <header class="top">
        <a href="/">Danube</a>
      </header>
      <main>
        {jobId === undefined ? (
          <JobsPage pipeline={pipeline === undefined ? undefined : decodeURIComponent(pipeline)} />
        ) : (
          <JobPage jobId={decodeURIComponent(jobId)} />
        )}
      </main>
    </>
  );
}
