// Blueprints with mistakes, and exactly what is said about each. A file is given as text, or as a value that stands for its
// JSON with two spaces of indentation.
// Longer than other files because it is one table.

export interface BlueprintCase {
  readonly title: string;
  readonly files: Readonly<Record<string, unknown>>;
  /** As `formatBlueprintError` writes them, all of them, in order. */
  readonly errors: readonly string[];
}

const apiVersion = "danube.dev/v1";
const config = (spec: unknown) => ({ apiVersion, kind: "Config", spec });
const user = (name: string, spec: unknown) => ({ apiVersion, kind: "User", metadata: { name }, spec });
const team = (name: string, spec: unknown = {}) => ({ apiVersion, kind: "Team", metadata: { name }, spec });
const repository = "https://github.com/acme/site";
const pipeline = (spec: object, metadata: object = { name: "site" }) => ({
  apiVersion,
  kind: "Pipeline",
  metadata,
  spec: { repository, ...spec },
});
const site = (spec: object) => ({ "pipelines/site.json": pipeline(spec) });

export const blueprintCases: readonly BlueprintCase[] = [
  // Files
  {
    title: "nothing at all",
    files: {},
    errors: [
      "config.json: there is no Blueprint here: none of config.json, users.json, teams.json and pipelines/<name>.json exists",
    ],
  },
  {
    title: "only files that mean nothing",
    files: { "README.md": "hello", "pipelines/old/site.json": "{}", "pipelines/site.yaml": "" },
    errors: [
      "config.json: there is no Blueprint here: none of config.json, users.json, teams.json and pipelines/<name>.json exists",
    ],
  },
  {
    title: "an empty file",
    files: { "config.json": "" },
    errors: ["config.json:1:1: expected a value, but found the end of the file"],
  },
  {
    title: "a file that is not UTF-8",
    files: { "teams.json": new Uint8Array([0x5b, 0x5d, 0x20, 0xff]) },
    errors: [
      "teams.json: the file is not UTF-8 text; save it in that encoding",
      'teams.json:1:4: expected the end of the file, but found "\ufffd"',
    ],
  },
  {
    title: "a syntax error names line and column",
    files: { "config.json": '{\n  "apiVersion": "danube.dev/v1",\n  "kind": "Config"\n  "spec": {}\n}' },
    errors: ['config.json:4:3: expected "," or "}" after the value of "kind", but found "\\""'],
  },
  {
    title: "a trailing comma",
    files: { "teams.json": "[\n  1,\n]" },
    errors: ['teams.json:3:1: a comma before "]" must be followed by another value; remove the comma'],
  },
  {
    title: "a comment",
    files: { "config.json": "{\n  // limits\n}" },
    errors: ['config.json:2:3: expected a key in double quotes, but found "/"'],
  },
  {
    title: "a key given twice",
    files: {
      "pipelines/site.json": `{"apiVersion": "${apiVersion}", "kind": "Pipeline", "metadata": {"name": "site"},\n"spec": {"repository": "${repository}", "warm": 1,\n"warm": 2}}`,
    },
    errors: [
      'pipelines/site.json:3:1 /spec/warm: the key "warm" stands here a second time (the first is in line 2); remove one',
    ],
  },
  {
    title: "mistakes in several files, all told",
    files: {
      "teams.json": "{}",
      "config.json": "[]",
      "pipelines/b.json": "nil",
      "pipelines/a.json": '"x"',
    },
    errors: [
      "config.json:1:1: must be an object, not a list",
      'pipelines/a.json:1:1: must be an object, not the text "x"',
      'pipelines/b.json:1:1: expected a value, but found "n"',
      "teams.json:1:1: must be a list, not an object; write [ and ] around it",
    ],
  },
  // Keys
  {
    title: "an unknown key near a known one",
    files: site({ tirggers: [] }),
    errors: ['pipelines/site.json:9:5 /spec/tirggers: unknown key "tirggers"; did you mean "triggers"?'],
  },
  {
    title: "a key in another style",
    files: site({ branchFilter: ["main"] }),
    errors: ['pipelines/site.json:9:5 /spec/branchFilter: unknown key "branchFilter"; did you mean "branch_filter"?'],
  },
  {
    title: "an unknown key near none",
    files: site({ concurrency: { parallelism: 3 } }),
    errors: [
      'pipelines/site.json:10:7 /spec/concurrency/parallelism: unknown key "parallelism"; the keys here are "group", "limit", "cancel_superseded"',
    ],
  },
  {
    title: "a misspelt key that is required is told once",
    files: {
      "pipelines/site.json": {
        apiVersion,
        kind: "Pipeline",
        metadata: { name: "site" },
        spec: { repositroy: repository },
      },
    },
    errors: ['pipelines/site.json:8:5 /spec/repositroy: unknown key "repositroy"; did you mean "repository"?'],
  },
  {
    title: "a key that is missing",
    files: { "users.json": [user("ada", {})] },
    errors: ['users.json:8:13 /0/spec: the key "email" is missing'],
  },
  {
    title: "an unknown key inside one kind of trigger",
    files: site({ triggers: [{ on: "tag", branches: ["main"] }] }),
    errors: [
      'pipelines/site.json:12:9 /spec/triggers/0/branches: unknown key "branches"; the keys here are "on", "tags"',
    ],
  },
  {
    title: "a key with a slash has an escaped pointer",
    files: site({ worker: { "a/b": 1 } }),
    errors: [
      'pipelines/site.json:10:7 /spec/worker/a~1b: unknown key "a/b"; the keys here are "image", "resources", "env", "run_as"',
    ],
  },
  // Constants and choices
  {
    title: "the wrong version",
    files: { "config.json": { apiVersion: "danube.dev/v2", kind: "Config", spec: {} } },
    errors: ['config.json:2:17 /apiVersion: must be "danube.dev/v1", not "danube.dev/v2"'],
  },
  {
    title: "the wrong kind",
    files: { "pipelines/site.json": { ...pipeline({}), kind: "Job" } },
    errors: ['pipelines/site.json:3:11 /kind: must be "Pipeline", not "Job"'],
  },
  {
    title: "a choice nearly right",
    files: { ...site({ permissions: [{ team: "core", level: "wirte" }] }), "teams.json": [team("core")] },
    errors: [
      'pipelines/site.json:12:18 /spec/permissions/0/level: "wirte" is not one of "read", "write", "admin"; did you mean "write"?',
    ],
  },
  {
    title: "a choice not near any",
    files: site({ fork_policy: "yes please" }),
    errors: [
      'pipelines/site.json:9:20 /spec/fork_policy: "yes please" is not one of "none", "approve", "run_without_secrets"',
    ],
  },
  {
    title: "a trigger of an unknown kind",
    files: site({ triggers: [{ on: "pull-request" }] }),
    errors: [
      'pipelines/site.json:11:15 /spec/triggers/0/on: "pull-request" is not one of "push", "tag", "pull_request", "cron", "manual"; did you mean "pull_request"?',
    ],
  },
  {
    title: "a trigger without its kind",
    files: site({ triggers: [{ branches: ["main"] }] }),
    errors: [
      'pipelines/site.json:10:7 /spec/triggers/0: the key "on" is missing; it must be one of "push", "tag", "pull_request", "cron", "manual"',
    ],
  },
  {
    title: "a trigger that is no object",
    files: site({ triggers: ["push"] }),
    errors: ['pipelines/site.json:10:7 /spec/triggers/0: must be an object, not the text "push"'],
  },
  // Types and limits
  {
    title: "a number in quotes",
    files: site({ max_duration_seconds: "600" }),
    errors: [
      'pipelines/site.json:9:29 /spec/max_duration_seconds: must be a whole number, not the text "600"; write 600 without quotes',
    ],
  },
  {
    title: "a word for a number",
    files: site({ max_duration_seconds: "10m" }),
    errors: ['pipelines/site.json:9:29 /spec/max_duration_seconds: must be a whole number, not the text "10m"'],
  },
  {
    title: "true in quotes",
    files: { "teams.json": [team("core", { global_admin: "true" })] },
    errors: [
      'teams.json:9:23 /0/spec/global_admin: must be true or false, not the text "true"; write true without quotes',
    ],
  },
  {
    title: "a number for a text",
    files: site({ worker: { env: { PORT: 8080 } } }),
    errors: ['pipelines/site.json:11:17 /spec/worker/env/PORT: must be text, not 8080; write "8080" in quotes'],
  },
  {
    title: "one text for a list",
    files: site({ branch_filter: "main" }),
    errors: ['pipelines/site.json:9:22 /spec/branch_filter: must be a list, not the text "main"; write ["main"]'],
  },
  {
    title: "null",
    files: site({ worker: null }),
    errors: ["pipelines/site.json:9:15 /spec/worker: must be an object, not null"],
  },
  {
    title: "a fraction",
    files: { "config.json": config({ concurrency: { max_jobs: 1.5 } }) },
    errors: ["config.json:6:19 /spec/concurrency/max_jobs: must be a whole number, not 1.5"],
  },
  {
    title: "too small",
    files: { "config.json": config({ retention: { logs_days: 0 } }) },
    errors: ["config.json:6:20 /spec/retention/logs_days: must be 1 or more, not 0"],
  },
  {
    title: "too large",
    files: site({ warm: 51 }),
    errors: ["pipelines/site.json:9:13 /spec/warm: must be 50 or less, not 51"],
  },
  {
    title: "not more than nothing",
    files: site({ workspace_size_gb: 0 }),
    errors: ["pipelines/site.json:9:26 /spec/workspace_size_gb: must be more than 0, not 0"],
  },
  {
    title: "an empty text",
    files: site({ script: "" }),
    errors: ["pipelines/site.json:9:15 /spec/script: must not be empty"],
  },
  {
    title: "an empty list of choices",
    files: site({ params: { level: { type: "enum", values: [] } } }),
    errors: ["pipelines/site.json:12:19 /spec/params/level/values: must have at least 1 entry"],
  },
  {
    title: "a glob that is too long",
    files: site({ branch_filter: ["x".repeat(501)] }),
    errors: ["pipelines/site.json:10:7 /spec/branch_filter/0: must be at most 500 characters long, not 501"],
  },
  // Forms of text
  {
    title: "a name that is no name",
    files: { "pipelines/-x.json": pipeline({}, { name: "-x" }) },
    errors: [
      'pipelines/-x.json:5:13 /metadata/name: "-x" is not allowed: a name must be 1 to 100 letters, digits, dots, dashes or underscores, beginning and ending with a letter or digit',
    ],
  },
  {
    title: "a name with two dots, which only zod refuses",
    files: { "pipelines/a..b.json": pipeline({}, { name: "a..b" }) },
    errors: [
      'pipelines/a..b.json:5:13 /metadata/name: "a..b" is not allowed: a name must not contain two dots in a row',
    ],
  },
  {
    title: "an image with a space",
    files: site({ worker: { image: "node 24" } }),
    errors: [
      'pipelines/site.json:10:16 /spec/worker/image: "node 24" is not allowed: an image must be a reference such as "node:24-bookworm-slim" or "registry.example.com/team/image:1.2"',
    ],
  },
  {
    title: "a quantity with an unknown unit",
    files: site({ worker: { resources: { limits: { memory: "2GB" } } } }),
    errors: [
      'pipelines/site.json:12:21 /spec/worker/resources/limits/memory: "2GB" is not allowed: a quantity must be a number with an optional unit, such as "500m", "2" or "512Mi"',
    ],
  },
  {
    title: "a bad name for a worker, which is a key",
    files: site({ workers: { "my worker": {} } }),
    errors: [
      'pipelines/site.json:10:7 /spec/workers/my worker: "my worker" is not allowed: a name must be 1 to 100 letters, digits, dots, dashes or underscores, beginning and ending with a letter or digit',
    ],
  },
  {
    title: "an environment variable with an equals sign in its name",
    files: site({ worker: { env: { "A=B": "1" } } }),
    errors: [
      'pipelines/site.json:11:9 /spec/worker/env/A=B: "A=B" is not allowed: an environment variable\'s name must not be empty or hold = or NUL',
    ],
  },
  {
    title: "an address that is none",
    files: { "users.json": [user("ada", { email: "ada" })] },
    errors: [
      'users.json:9:16 /0/spec/email: "ada" is not allowed: it is not an email address such as "ada@example.com"',
    ],
  },
  {
    title: "a password in clear, which is not repeated",
    files: { "users.json": [user("ada", { email: "ada@example.com", password_hash: "hunter2" })] },
    errors: ["users.json:10:24 /0/spec/password_hash: a password hash must be bcrypt ($2a$, $2b$ or $2y$)"],
  },
  {
    title: "an endpoint that is no URL",
    files: { "config.json": config({ observability: { otel_endpoint: "collector" } }) },
    errors: [
      'config.json:6:24 /spec/observability/otel_endpoint: "collector" is not allowed: it is not a URL; write one such as "https://example.com/path"',
    ],
  },
  {
    title: "control characters in a value are inert in the message",
    files: site({ worker: { image: "a\u001b[31m\nb" } }),
    errors: [
      'pipelines/site.json:10:16 /spec/worker/image: "a\\u001b[31m\\nb" is not allowed: an image must be a reference such as "node:24-bookworm-slim" or "registry.example.com/team/image:1.2"',
    ],
  },
  // Choices of form
  {
    title: "a way to be ready that does not exist",
    files: site({ services: { db: { image: "postgres:18", ready: { udp: 53 } } } }),
    errors: [
      'pipelines/site.json:12:18 /spec/services/db/ready: must be one of {"tcp": …}, {"http": …}, {"command": …}, not {"udp":53}',
    ],
  },
  {
    title: "a way to be ready with a mistake inside",
    files: site({ services: { db: { image: "postgres:18", ready: { tcp: "5432" } } } }),
    errors: [
      'pipelines/site.json:13:18 /spec/services/db/ready/tcp: must be a whole number, not the text "5432"; write 5432 without quotes',
    ],
  },
  {
    title: "a way to be ready with a bad form",
    files: site({ services: { web: { image: "nginx:1", ready: { http: "/health" } } } }),
    errors: [
      'pipelines/site.json:13:19 /spec/services/web/ready/http: "/health" is not allowed: http must be a port and a path, such as ":8080/health"',
    ],
  },
  // Rules of one pipeline
  {
    title: "a file with another name than its pipeline",
    files: { "pipelines/web.json": pipeline({}) },
    errors: [
      'pipelines/web.json:5:13 /metadata/name: the pipeline "site" stands in web.json; rename the file to site.json or the pipeline to "web"',
    ],
  },
  {
    title: "a repository that is a command",
    files: site({ repository: "ext::sh -c id" }),
    errors: [
      'pipelines/site.json:8:19 /spec/repository: "ext::sh -c id" is not allowed: an address must not hold spaces or control characters',
    ],
  },
  {
    title: "a repository with a password is not repeated",
    files: site({ repository: "https://me:hunter2@github.com/acme/site" }),
    errors: [
      "pipelines/site.json:8:19 /spec/repository: an address must not hold a password; use git_authentication in config.json",
    ],
  },
  {
    title: "a script outside the repository",
    files: site({ script: "../danubefile.ts" }),
    errors: [
      'pipelines/site.json:9:15 /spec/script: "../danubefile.ts" is not allowed: write a path inside the repository, such as "ci/danubefile.ts"',
    ],
  },
  {
    title: "a glob that is never closed",
    files: site({ triggers: [{ on: "push", branches: ["main", "release/{1,2"] }] }),
    errors: [
      'pipelines/site.json:14:11 /spec/triggers/0/branches/1: the glob "release/{1,2" has a "{" that is never closed with "}"',
    ],
  },
  {
    title: "an empty list of globs",
    files: site({ triggers: [{ on: "push", paths: [] }] }),
    errors: [
      "pipelines/site.json:12:18 /spec/triggers/0/paths: an empty list says nothing; leave the key out to take every path",
    ],
  },
  {
    title: "a schedule that is none",
    files: site({ triggers: [{ on: "cron", schedule: "every day" }] }),
    errors: [
      'pipelines/site.json:12:21 /spec/triggers/0/schedule: "every day" is not a schedule; write five fields (minute, hour, day, month, weekday) such as "0 3 * * *", or a nickname such as "@daily"',
    ],
  },
  {
    title: "a schedule out of range",
    files: site({ triggers: [{ on: "cron", schedule: "0 25 * * *" }] }),
    errors: [
      'pipelines/site.json:12:21 /spec/triggers/0/schedule: "0 25 * * *" is not a schedule: Invalid value for hour: 25',
    ],
  },
  {
    title: "a schedule that never happens",
    files: site({ triggers: [{ on: "cron", schedule: "0 0 31 4 *" }] }),
    errors: ['pipelines/site.json:12:21 /spec/triggers/0/schedule: "0 0 31 4 *" never happens'],
  },
  {
    title: "an unknown time zone",
    files: site({ triggers: [{ on: "cron", schedule: "0 3 * * *", timezone: "Berlin" }] }),
    errors: [
      'pipelines/site.json:13:21 /spec/triggers/0/timezone: "Berlin" is not a time zone; write one such as "UTC" or "Europe/Berlin"',
    ],
  },
  {
    title: "the same schedule twice",
    files: site({
      triggers: [
        { on: "cron", schedule: "0 3 * * *" },
        { on: "cron", schedule: "0 3 * * *", timezone: "UTC" },
      ],
    }),
    errors: ["pipelines/site.json:14:7 /spec/triggers/1: this is the same schedule as /spec/triggers/0; remove one"],
  },
  {
    title: "a default of the wrong type",
    files: site({ params: { count: { type: "number", default: "3" } } }),
    errors: [
      'pipelines/site.json:12:20 /spec/params/count/default: must be a number, not the text "3"; write 3 without quotes',
    ],
  },
  {
    title: "defaults that break their own rules",
    files: site({
      params: {
        a: { type: "number", default: 3, min: 5 },
        b: { type: "number", default: 9, max: 5 },
        c: { type: "enum", values: ["x", "y"], default: "z" },
        d: { type: "string", pattern: "v\\d+", default: "v1x" },
      },
    }),
    errors: [
      "pipelines/site.json:12:20 /spec/params/a/default: 3 is less than min, which is 5",
      "pipelines/site.json:17:20 /spec/params/b/default: 9 is more than max, which is 5",
      'pipelines/site.json:26:20 /spec/params/c/default: "z" is not one of "x", "y"',
      'pipelines/site.json:31:20 /spec/params/d/default: "v1x" does not match the pattern "v\\\\d+"',
    ],
  },
  {
    title: "parameters that no value can fulfil",
    files: site({
      params: {
        a: { type: "number", min: 5, max: 1 },
        b: { type: "string", pattern: "(" },
        c: { type: "enum", values: ["x", "x"] },
      },
    }),
    errors: [
      "pipelines/site.json:12:16 /spec/params/a/min: 5 is more than max, which is 1",
      'pipelines/site.json:17:20 /spec/params/b/pattern: "(" is not a regular expression',
      'pipelines/site.json:21:19 /spec/params/c/values: "x" stands twice in the list; remove one',
    ],
  },
  {
    title: "CPU in mebibytes and memory in thousandths",
    files: site({ worker: { resources: { requests: { cpu: "500Mi", memory: "512m" } } } }),
    errors: [
      'pipelines/site.json:12:18 /spec/worker/resources/requests/cpu: "500Mi" is not an amount of CPU; write cores such as "2", or thousandths such as "500m"',
      'pipelines/site.json:13:21 /spec/worker/resources/requests/memory: "512m" is less than a mebibyte; did you mean "512Mi"?',
    ],
  },
  {
    title: "more requested than allowed",
    files: site({
      workers: { big: { resources: { requests: { cpu: "1500m" }, limits: { cpu: "1" } } } },
    }),
    errors: [
      'pipelines/site.json:13:20 /spec/workers/big/resources/requests/cpu: "1500m" is more than the limit, which is "1"',
    ],
  },
  {
    title: "a service with the name of a worker",
    files: site({ workers: { db: {} }, services: { db: { image: "postgres:18" } } }),
    errors: ['pipelines/site.json:13:13 /spec/services/db: "db" is the name of a worker already; choose another'],
  },
  // Rules of config.json
  {
    title: "credentials that lack what they need",
    files: {
      "config.json": config({
        git_authentication: [
          { type: "github_app", name: "app", match_patterns: ["*"], app_id: "1" },
          { type: "https_token", name: "app", match_patterns: ["*"] },
        ],
      }),
    },
    errors: [
      'config.json:6:7 /spec/git_authentication/0: "github_app" needs the key "private_key_secret", which is missing',
      'config.json:14:7 /spec/git_authentication/1: "https_token" needs the key "token_secret", which is missing',
      'config.json:16:17 /spec/git_authentication/1/name: the name "app" is taken by /spec/git_authentication/0; choose another',
    ],
  },
  {
    title: "an egress entry that is a URL",
    files: { "config.json": config({ egress_allowlist: ["https://x.test"] }) },
    errors: [
      'config.json:6:7 /spec/egress_allowlist/0: "https://x.test" is not allowed: an egress entry must be a host name or "*.host"',
    ],
  },
  // Rules between files
  {
    title: "users and teams defined twice",
    files: {
      "users.json": [
        user("ada", { email: "ada@example.com" }),
        user("ada", { email: "ada2@example.com" }),
        user("bob", { email: "Ada@Example.com" }),
      ],
      "teams.json": [team("core"), team("core")],
    },
    errors: [
      'teams.json:14:15 /1/metadata/name: the team "core" is defined in /0 already',
      'users.json:16:15 /1/metadata/name: the user "ada" is defined in /0 already',
      'users.json:29:16 /2/spec/email: the address "Ada@Example.com" belongs to the user in /0 already',
    ],
  },
  {
    title: "members that are no users, or twice",
    files: {
      "users.json": [user("ada", { email: "ada@example.com" })],
      "teams.json": [team("core", { members: ["ada@exmaple.com", "Ada@example.com", "ada@example.com"] })],
    },
    errors: [
      'teams.json:10:9 /0/spec/members/0: no user in users.json has the address "ada@exmaple.com"; did you mean "ada@example.com"?',
      'teams.json:12:9 /0/spec/members/2: "ada@example.com" is a member already; remove one',
    ],
  },
  {
    title: "teams that do not exist",
    files: {
      "teams.json": [team("core")],
      "pipelines/site.json": pipeline(
        { permissions: [{ team: "other", level: "read" }] },
        { name: "site", team: "corr" },
      ),
    },
    errors: [
      'pipelines/site.json:6:13 /metadata/team: there is no team "corr" in teams.json; did you mean "core"?',
      'pipelines/site.json:12:17 /spec/permissions/0/team: there is no team "other" in teams.json',
    ],
  },
  {
    title: "a team with two levels",
    files: {
      "teams.json": [team("core")],
      ...site({
        permissions: [
          { team: "core", level: "read" },
          { team: "core", level: "admin" },
        ],
      }),
    },
    errors: [
      'pipelines/site.json:15:17 /spec/permissions/1/team: the team "core" has its level in /spec/permissions/0 already; remove one',
    ],
  },
  {
    title: "a group with two limits",
    files: {
      "pipelines/a.json": pipeline({ concurrency: { group: "deploy", limit: 1 } }, { name: "a" }),
      "pipelines/b.json": pipeline({ concurrency: { group: "deploy" } }, { name: "b" }),
      "pipelines/c.json": pipeline({ concurrency: { group: "deploy", limit: 2 } }, { name: "c" }),
    },
    errors: [
      'pipelines/c.json:11:16 /spec/concurrency/limit: the group "deploy" has the limit 1 in pipelines/a.json, but 2 here; write the same number',
    ],
  },
];
