import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { describeArgv, claudeCommand } from "../../client/agent/agent-command.ts";
import { parseRemote, readCi, readWorkspace } from "../../client/workspace.ts";

describe("the workspace", () => {
  it.each([
    ["git@github.com:acme/shop.git", "github.com", "acme/shop"],
    ["https://github.com/acme/shop", "github.com", "acme/shop"],
    ["https://user:secret@gitlab.example.com/group/sub/shop.git", "gitlab.example.com", "group/sub/shop"],
    ["ssh://git@host.example:2222/acme/shop.git", "host.example", "acme/shop"],
    ["host.example:acme/shop.git", "host.example", "acme/shop"],
    ["/srv/git/shop.git", null, "shop"],
    ["file:///srv/git/shop.git", null, "shop"],
    ["C:\\git\\shop", null, "shop"],
  ])("reads the repository of %s", (remote, host, repository) => {
    expect(parseRemote(remote)).toEqual({ host, repository });
  });

  it("reads nothing of an address that names no repository", () => {
    expect(parseRemote("")).toBeNull();
    expect(parseRemote("https://host.example/")).toBeNull();
  });

  it("takes branch and pull request from the systems that run jobs", () => {
    expect(
      readCi({
        GITHUB_ACTIONS: "true",
        GITHUB_REPOSITORY: "acme/shop",
        GITHUB_REF: "refs/pull/12/merge",
        GITHUB_HEAD_REF: "topic",
        GITHUB_SHA: "abc",
        GITHUB_RUN_ID: "77",
      }),
    ).toEqual({
      name: "github-actions",
      repository: "acme/shop",
      branch: "topic",
      commit: "abc",
      pullRequest: 12,
      run: "77",
    });
    expect(
      readCi({ GITHUB_ACTIONS: "true", GITHUB_REF: "refs/heads/release/1", GITHUB_HEAD_REF: "" }),
    ).toMatchObject({
      branch: "release/1",
      pullRequest: undefined,
    });
    expect(readCi({ GITLAB_CI: "true", CI_MERGE_REQUEST_IID: "5", CI_PROJECT_PATH: "a/b" })).toMatchObject({
      pullRequest: 5,
      repository: "a/b",
    });
    expect(
      readCi({ CIRCLECI: "true", CIRCLE_PULL_REQUEST: "https://host.example/a/b/pull/9" }),
    ).toMatchObject({
      pullRequest: 9,
    });
    expect(readCi({ BUILDKITE: "true", BUILDKITE_PULL_REQUEST: "false" })).toMatchObject({
      pullRequest: undefined,
    });
    expect(readCi({})).toEqual({});
  });

  it("is empty outside of a repository", async () => {
    expect(await readWorkspace(tmpdir(), { PATH: process.env["PATH"] })).toEqual({});
  });
});

describe("the command of an agent", () => {
  it("asks claude for the format that tells of tokens, and respects another choice", () => {
    expect(claudeCommand("claude", "go", ["--model", "x"])).toMatchObject({
      argv: ["claude", "-p", "go", "--model", "x", "--output-format", "stream-json", "--verbose"],
      command: "go",
      showText: true,
    });
    expect(describeArgv(["/usr/bin/claude", "-p", "go", "--output-format=json"])).toMatchObject({
      argv: ["/usr/bin/claude", "-p", "go", "--output-format=json"],
      command: "go",
      showText: false,
    });
    expect(describeArgv(["claude", "mcp", "list"])).toMatchObject({
      argv: ["claude", "mcp", "list"],
      command: "claude mcp list",
    });
  });

  it("knows a continued session by every flag that continues one", () => {
    const id = "6f6d1f0e-8f2c-4f0a-9a54-0b8f2c1d7e11";
    expect(describeArgv(["claude", "-p", "go", "--resume", id])).toMatchObject({
      resumed: true,
      resumedSession: id,
    });
    expect(describeArgv(["claude", "-p", "go", `--resume=${id}`])).toMatchObject({ resumedSession: id });
    expect(describeArgv(["claude", "-r", id, "--fork-session", "-p", "go"])).toMatchObject({
      resumedSession: id,
    });
    expect(describeArgv(["claude", "-c", "-p", "go"])).toMatchObject({ resumed: true, resumedSession: null });
    expect(describeArgv(["claude", "-p", "go"])).toMatchObject({ resumed: false });
  });

  it("writes another agent's command line so that a shell would read it the same", () => {
    expect(describeArgv(["codex", "exec", "fix it's bug", "--model=o"])).toMatchObject({
      agent: "codex",
      command: `codex exec 'fix it'\\''s bug' --model=o`,
    });
  });
});
