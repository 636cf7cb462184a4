import type { Json } from "../event-payload.ts";

/** A row for a table by its columns' names, as JSON has them: times as ISO text. The organization is not among them. */
export type Row = Readonly<Record<string, Json>>;

/** Rows by table. Tables of current state take the row with the greatest version; the others one row for each event. */
export type ProjectedRows = Partial<Record<ProjectedTable, readonly Row[]>>;

export type ProjectedTable =
  | "github_events"
  | "slack_events"
  | "linear_events"
  | "deployment_events"
  | "repositories"
  | "repository_names"
  | "repository_branches"
  | "repository_commits"
  | "projects"
  | "deployment_records"
  | "tracked_items";

/** What may stand in a column. A row without a value for a `required` column is no row. */
export interface Column {
  type: "text" | "uuid" | "smallint" | "integer" | "bigint" | "boolean" | "timestamptz" | "date" | "jsonb";
  /** The most characters of a text; what is longer is cut. */
  max?: number;
  required?: true;
  oneOf?: readonly string[];
  /** Not of one version: the least (of moments, the earliest) or the greatest that any event told. */
  merge?: "least" | "greatest";
}

export interface Table {
  columns: Readonly<Record<string, Column>>;
  /** What makes two rows the same thing, besides the organization. */
  key: readonly string[];
  /** What makes one row newer than the other, compared in this order. Without it the last write stays. */
  version: readonly string[];
  /** Whether a row of the same version is written again, which lets a replay correct what its event said before. */
  rewritesSameVersion: boolean;
  /** What must be there for a row to be written. */
  parent?: { table: "repositories"; column: string };
}

const text = (max: number): Column => ({ type: "text", max });
const required = <T extends Column>(column: T): T & { required: true } => ({ ...column, required: true });
const column = (type: Exclude<Column["type"], "text">): Column => ({ type });

const bigint = column("bigint");
const integer = column("integer");
const boolean = column("boolean");
const moment = column("timestamptz");

// Texts without a length in the database are bounded here.
const URL = text(2_000);
const TITLE = text(2_000);
const DESCRIPTION = text(10_000);
const MESSAGE_TEXT = text(50_000);

const EVENT: Table["columns"] = {
  event_id: required(column("uuid")),
  received_at: required(moment),
  provider_time: moment,
};
const VERSION: Table["columns"] = {
  version_time: required(moment),
  version_rank: required(column("smallint")),
  version_key: required(text(400)),
};

const BY_EVENT = { key: ["event_id", "received_at"], version: [], rewritesSameVersion: true };
const OF_REPOSITORY = { table: "repositories", column: "repository_id" } as const;
const BY_TIME = ["version_time", "version_rank", "version_key"];

/** The tables in the order they are written in: what others refer to comes first. */
export const PROJECTED_TABLES: Readonly<Record<ProjectedTable, Table>> = {
  repositories: {
    columns: {
      id: required(column("uuid")),
      provider: required(text(20)),
      external_id: required(text(100)),
      full_name: required(text(300)),
      owner: required(text(200)),
      name: required(text(200)),
      default_branch: text(400),
      description: DESCRIPTION,
      language: text(100),
      url: URL,
      is_private: boolean,
      is_fork: boolean,
      is_archived: boolean,
      pushed_at: moment,
      deleted_at: moment,
      ...VERSION,
    },
    key: ["provider", "external_id"],
    version: BY_TIME,
    rewritesSameVersion: true,
  },
  repository_names: {
    columns: {
      name: required(text(300)),
      repository_id: required(column("uuid")),
      first_seen: required({ ...moment, merge: "least" }),
    },
    key: ["name", "repository_id"],
    // Nothing but its beginning is told of a name, and of that the earliest stays.
    version: ["name"],
    rewritesSameVersion: false,
  },
  repository_branches: {
    columns: {
      repository_id: required(column("uuid")),
      name: required(text(400)),
      head_sha: text(64),
      head_message: text(500),
      head_author: text(200),
      head_committed_at: moment,
      pusher: text(200),
      commit_count: integer,
      is_forced: boolean,
      url: URL,
      deleted_at: moment,
      ...VERSION,
    },
    key: ["repository_id", "name"],
    version: BY_TIME,
    rewritesSameVersion: true,
    parent: OF_REPOSITORY,
  },
  repository_commits: {
    columns: {
      repository_id: required(column("uuid")),
      sha: required(text(64)),
      message: text(500),
      author: text(200),
      committed_at: moment,
      url: URL,
    },
    key: ["repository_id", "sha"],
    // A commit never changes, but the address of its repository does. What it says is then its version: any order of
    // pushes that bring it leaves the same row, and the same commit again writes nothing.
    version: ["url", "author", "committed_at", "message"],
    rewritesSameVersion: false,
    parent: OF_REPOSITORY,
  },
  projects: {
    columns: {
      id: required(column("uuid")),
      name: required(text(255)),
      description: DESCRIPTION,
      status: required({
        ...text(20),
        oneOf: ["planning", "active", "paused", "completed", "cancelled"],
      }),
      priority: integer,
      lead: text(200),
      start_date: column("date"),
      target_date: column("date"),
      completed_at: moment,
      source: required(text(20)),
      external_id: required(text(100)),
      url: URL,
      metadata: column("jsonb"),
      deleted_at: moment,
      ...VERSION,
    },
    key: ["source", "external_id"],
    version: BY_TIME,
    rewritesSameVersion: true,
  },
  deployment_records: {
    columns: {
      provider: required(text(20)),
      external_id: required(text(300)),
      state: required({
        ...text(20),
        oneOf: ["queued", "in_progress", "success", "failure", "cancelled", "inactive", "unknown"],
      }),
      provider_state: text(60),
      environment: text(200),
      project: text(300),
      repository_id: column("uuid"),
      repository: text(300),
      sha: text(64),
      ref: text(500),
      actor: text(200),
      description: DESCRIPTION,
      url: URL,
      log_url: URL,
      // The event that tells the end often does not tell the beginning, and the other way round.
      started_at: { ...moment, merge: "least" },
      finished_at: { ...moment, merge: "greatest" },
      event_id: required(column("uuid")),
      ...VERSION,
    },
    key: ["provider", "external_id"],
    version: ["version_rank", "version_time", "version_key", "event_id"],
    rewritesSameVersion: true,
  },
  tracked_items: {
    columns: {
      source: required(text(20)),
      kind: required(text(40)),
      external_id: required(text(200)),
      repository_id: column("uuid"),
      repository: text(300),
      number: bigint,
      identifier: text(60),
      title: TITLE,
      state: text(200),
      conclusion: text(60),
      severity: text(40),
      author: text(200),
      assignee: text(200),
      branch: text(400),
      base_branch: text(400),
      head_sha: text(64),
      // Never another one, but GitHub stops telling it when the fork is deleted.
      head_repository_id: { ...column("uuid"), merge: "least" },
      merge_sha: text(64),
      parent_id: text(200),
      url: URL,
      opened_at: moment,
      closed_at: moment,
      deleted_at: moment,
      event_id: required(column("uuid")),
      ...VERSION,
    },
    key: ["source", "kind", "external_id"],
    version: [...BY_TIME, "event_id"],
    rewritesSameVersion: true,
  },
  github_events: {
    columns: {
      ...EVENT,
      event: required(text(100)),
      action: text(100),
      delivery_guid: text(100),
      hook_id: text(40),
      installation_id: bigint,
      github_organization: text(200),
      repository_external_id: text(40),
      repository: text(300),
      sender: text(200),
      sender_type: text(40),
      ref: text(500),
      branch: text(400),
      head_sha: text(64),
      number: bigint,
      title: TITLE,
      state: text(60),
      conclusion: text(60),
      is_merged: boolean,
      commit_count: integer,
      url: URL,
    },
    ...BY_EVENT,
  },
  slack_events: {
    columns: {
      ...EVENT,
      event: required(text(100)),
      subtype: text(100),
      slack_event_id: text(100),
      team_id: text(40),
      api_app_id: text(40),
      channel_id: text(40),
      user_id: text(40),
      bot_id: text(40),
      text: MESSAGE_TEXT,
      reaction: text(200),
      ts: text(40),
      thread_ts: text(40),
      item_channel_id: text(40),
      item_ts: text(40),
    },
    ...BY_EVENT,
  },
  linear_events: {
    columns: {
      ...EVENT,
      type: required(text(100)),
      action: required(text(40)),
      delivery_id: text(100),
      linear_organization_id: text(100),
      webhook_id: text(100),
      entity_id: text(100),
      identifier: text(60),
      title: TITLE,
      state: text(200),
      state_type: text(60),
      priority: integer,
      team_id: text(100),
      team_key: text(40),
      project_id: text(100),
      cycle_id: text(100),
      issue_id: text(100),
      assignee_id: text(100),
      actor_id: text(100),
      actor_name: text(200),
      url: URL,
    },
    ...BY_EVENT,
  },
  deployment_events: {
    columns: {
      ...EVENT,
      provider: required(text(20)),
      deployment_id: required(text(300)),
      state: required(text(20)),
      provider_state: text(60),
      environment: text(200),
      project: text(300),
      repository: text(300),
      sha: text(64),
      ref: text(500),
      actor: text(200),
      url: URL,
      log_url: URL,
    },
    ...BY_EVENT,
  },
};
