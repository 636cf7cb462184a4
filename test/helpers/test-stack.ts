/** What one test run shares with all its test files. */
export interface TestStack {
  /** Folder of the run; removed with everything in it when the run ends. */
  folder: string;
  /** The server's maintenance database, as a user who may create databases and roles. */
  postgresUrl: string;
  /** A migrated database to clone; nobody may be connected to it. */
  templateDatabase: string;
  /** The login of the functions on this server. */
  service: { user: string; password: string };
  /** A database of the ClickHouse server that always exists. */
  clickhouseUrl: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    testStack: TestStack;
  }
}

/** The servers a run uses, before anything of ours is in them. */
export interface TestServers {
  postgresUrl: string;
  clickhouseUrl: string;
  stop: () => Promise<void>;
}

/** The address of another database on the same server, optionally as another user. */
export function databaseAddress(
  serverUrl: string,
  database: string,
  login?: { user: string; password: string },
): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  if (login !== undefined) {
    url.username = encodeURIComponent(login.user);
    url.password = encodeURIComponent(login.password);
  }
  return url.href;
}
