/**
 * What words say about a task. One table for all, because each word of a prompt is looked up once.
 * Weights: 3 names the task outright, 2 usually does, 1 hints at it.
 */
export const TASK_KINDS = [
  "fix",
  "implement",
  "refactor",
  "test",
  "review",
  "explain",
  "docs",
  "plan",
  "deploy",
  "commit",
  "run",
] as const;
export type TaskKind = (typeof TASK_KINDS)[number] | "other";

export interface WordMeaning {
  task?: TaskKind;
  weight?: number;
  language?: string;
  component?: string;
}

const TASKS: Readonly<
  Record<(typeof TASK_KINDS)[number], readonly [outright: string, usual: string, hint: string]>
> = {
  fix: [
    "fix fixes debug resolve repair hotfix behebe behebt repariere corrige corriger corrigir arregla arreglar исправь почини",
    "bug bugs broken failing fails crash crashes crashed bugfix fehler ошибка ошибку erreur",
    "fixed error errors failure failures wrong issue issues stuck flaky regression doesn't",
  ],
  implement: [
    "implement implementing implementiere implementieren implementa implementar implémente implémenter реализуй добавь añade agrega füge ajoute ajouter adicione",
    "add create build introduce support develop erstelle crea crear crée créer создай напиши",
    "write make generate enable scaffold feature new port wire",
  ],
  refactor: [
    "refactor refactoring restructure simplify deduplicate rename refactorisiere refactoriza рефакторинг",
    "cleanup rewrite extract migrate remove delete drop move replace split inline upgrade bump convert",
    "clean update change tidy invert reuse unused",
  ],
  test: [
    "unittest unit-test teste tests-for",
    "test tests testing e2e integration-tests benchmark pruebas протестируй",
    "coverage spec fixture fixtures lint typecheck",
  ],
  review: [
    "review reviewing audit critique code-review überprüfe prüfe revisa revisar проверь",
    "reviewer feedback assess",
    "check verify validate compare",
  ],
  explain: [
    "explain describe summarize summarise erkläre explica explicar explique expliquer объясни",
    "why how investigate analyse analyze understand what's warum pourquoi porque почему wie",
    "what where which show tell find look read does list",
  ],
  docs: [
    "document documentation dokumentiere documenta",
    "docs readme changelog docstring docstrings jsdoc comment comments",
    "guide tutorial adr wording typo",
  ],
  plan: [
    "plan planning brainstorm propose plane planifica",
    "design architect outline roadmap estimate specify",
    "approach proposal options strategy todo todos milestone phase",
  ],
  deploy: [
    "deploy deploying deployment release rollout publish rollback разверни",
    "ship promote provision",
    "production staging prod pipeline",
  ],
  commit: ["commit push rebase cherry-pick squash", "merge pr stash", "branch checkout tag amend"],
  run: ["execute rerun führe ejecuta exécute запусти", "run start restart launch install", "stop kill watch"],
};

const LANGUAGES =
  "typescript javascript python golang rust java kotlin swift ruby php csharp c++ c# sql bash terraform html css scala elixir dart lua haskell";
const LANGUAGE_NAMES: Readonly<Record<string, string>> = {
  golang: "go",
  "c++": "cpp",
  "c#": "csharp",
  bash: "shell",
};

const COMPONENTS: Readonly<Record<string, string>> = {
  agents: "agent agents subagent subagents",
  api: "api apis endpoint endpoints rest graphql",
  auth: "auth authentication authorization login oauth sso session-token",
  backend: "backend back-end server",
  billing: "billing payment payments invoice invoices stripe",
  cache: "cache caching redis memcached",
  ci: "ci pipeline pipelines workflow workflows",
  cli: "cli",
  config: "config configuration settings",
  dashboard: "dashboard dashboards",
  database: "database databases db postgres postgresql mysql sqlite clickhouse schema",
  deployment: "deployment deployments docker dockerfile helm",
  docs: "docs documentation readme changelog",
  frontend: "frontend front-end ui css component components",
  hooks: "hook hooks",
  infrastructure: "infrastructure infra terraform kubernetes k8s",
  migrations: "migration migrations",
  observability: "telemetry logging logs metrics tracing observability monitoring",
  plugins: "plugin plugins extension extensions",
  queue: "queue queues pubsub kafka worker workers",
  tests: "tests e2e fixtures",
  webhooks: "webhook webhooks",
  websocket: "websocket websockets",
};

function buildTable(): ReadonlyMap<string, WordMeaning> {
  const table = new Map<string, WordMeaning>();
  const add = (word: string, meaning: WordMeaning): void => {
    table.set(word, { ...meaning, ...table.get(word) });
  };
  for (const task of TASK_KINDS) {
    TASKS[task].forEach((words, index) => {
      for (const word of words.split(" ")) add(word, { task, weight: 3 - index });
    });
  }
  for (const language of LANGUAGES.split(" "))
    add(language, { language: LANGUAGE_NAMES[language] ?? language });
  for (const [component, words] of Object.entries(COMPONENTS)) {
    for (const word of words.split(" ")) add(word, { component });
  }
  return table;
}

export const WORD_MEANINGS = buildTable();

/** Words that open a request without saying what it is: they do not count towards a word's position. */
export const FILLERS: ReadonlySet<string> = new Set(
  (
    "can could you please pls ok okay now hey hi let's lets i i'd i'm we want need to should would like and then also just the a an " +
    "great thanks yes no so well next first me my our for this that in on of is it us bitte kannst du por favor puedes"
  ).split(" "),
);

/** Scripts without spaces between words: what their text contains. */
export const UNSPACED_TASKS: readonly (readonly [RegExp, TaskKind])[] = [
  [/修复|修正|修理|バグ|直して|고쳐|수정/, "fix"],
  [/重构|リファクタ|리팩/, "refactor"],
  [/测试|テスト|테스트/, "test"],
  [/审查|レビュー|검토|리뷰/, "review"],
  [/解释|说明|説明|なぜ|为什么|설명/, "explain"],
  [/文档|ドキュメント|문서/, "docs"],
  [/计划|計画|设计|設計/, "plan"],
  [/部署|デプロイ|배포/, "deploy"],
  [/提交|コミット|커밋/, "commit"],
  [/实现|実装|添加|追加|新增|구현|추가/, "implement"],
];
