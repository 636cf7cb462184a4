/** The invented team of the demo: who works, where, when and with which model. */
export interface Developer {
  name: string;
  repositories: readonly string[];
  utcOffsetHours: number;
  startsAtHour: number;
  sessionsPerDay: number;
  models: readonly (readonly [string, number])[];
  /** How long this developer's agent asks for its prompts to stay cached. */
  cacheLifetime: "5m" | "1h";
  agentVersion: string;
  /** Whether branches carry the key of their issue. */
  namesIssues: boolean;
}

export interface Repository {
  name: string;
  components: readonly string[];
  files: readonly string[];
  /** Instructions and tool descriptions that stand at the start of every prompt here. */
  prefixTokens: number;
  defaultBranch: string;
}

export const REPOSITORIES: readonly Repository[] = [
  {
    name: "northwind-harbor/checkout-api",
    components: ["payments", "refunds", "basket", "tax"],
    files: [
      "src/payments/capture.ts",
      "src/refunds/partial.ts",
      "src/basket/totals.ts",
      "test/tax/rounding.test.ts",
    ],
    prefixTokens: 21_400,
    defaultBranch: "main",
  },
  {
    name: "northwind-harbor/storefront",
    components: ["search", "product-page", "account", "design-system"],
    files: [
      "app/search/filters.tsx",
      "app/product/gallery.tsx",
      "app/account/orders.tsx",
      "styles/tokens.css",
    ],
    prefixTokens: 27_900,
    defaultBranch: "main",
  },
  {
    name: "northwind-harbor/warehouse-sync",
    components: ["importer", "stock-ledger", "carrier-labels"],
    files: ["sync/importer.py", "sync/stock_ledger.py", "labels/render.py", "tests/test_importer.py"],
    prefixTokens: 17_200,
    defaultBranch: "trunk",
  },
  {
    name: "northwind-harbor/platform",
    components: ["networking", "observability", "build-images"],
    files: [
      "terraform/network/main.tf",
      "dashboards/latency.json",
      "images/node/Dockerfile",
      ".github/workflows/release.yml",
    ],
    prefixTokens: 15_100,
    defaultBranch: "main",
  },
  {
    name: "northwind-harbor/mobile",
    components: ["onboarding", "push", "offline-cart"],
    files: [
      "lib/onboarding/steps.dart",
      "lib/push/handler.dart",
      "lib/cart/offline_store.dart",
      "test/cart_test.dart",
    ],
    prefixTokens: 19_600,
    defaultBranch: "develop",
  },
];

const OPUS = "claude-opus-5-5";
const SONNET = "claude-sonnet-5-5";
const FABLE = "claude-fable-5-2";
const HAIKU = "claude-haiku-5-5";

/** Served by a gateway under a name that has no public price. */
const UNPRICED_MODEL = "harbor-gateway-preview";

const NAMING_ISSUES = new Set(["Amara", "Chidi", "Farah", "Goran"]);

export const DEVELOPERS: readonly Developer[] = [
  developer(
    "Amara",
    ["checkout-api", "platform"],
    1,
    8,
    2.6,
    [
      [OPUS, 8],
      [FABLE, 1],
      [SONNET, 1],
    ],
    "1h",
  ),
  developer(
    "Bela",
    ["checkout-api", "storefront"],
    1,
    9,
    2.2,
    [
      [SONNET, 6],
      [OPUS, 3],
    ],
    "5m",
  ),
  developer(
    "Chidi",
    ["storefront", "mobile"],
    0,
    9,
    2.4,
    [
      [OPUS, 5],
      [SONNET, 5],
    ],
    "5m",
  ),
  developer(
    "Dalia",
    ["warehouse-sync"],
    2,
    7,
    1.8,
    [
      ["claude-sonnet-4-6", 7],
      [SONNET, 2],
    ],
    "5m",
    "2.1.118",
  ),
  developer(
    "Eino",
    ["platform", "warehouse-sync"],
    2,
    8,
    1.6,
    [
      [OPUS, 4],
      [HAIKU, 3],
      [UNPRICED_MODEL, 1],
    ],
    "1h",
  ),
  developer(
    "Farah",
    ["mobile", "storefront"],
    -5,
    8,
    2.2,
    [
      [OPUS, 7],
      [FABLE, 2],
    ],
    "1h",
  ),
  developer(
    "Goran",
    ["checkout-api", "warehouse-sync"],
    -5,
    10,
    1.4,
    [
      ["claude-opus-4-8", 6],
      [SONNET, 3],
    ],
    "1h",
    "2.1.240",
  ),
];

function developer(
  name: string,
  repositories: readonly string[],
  utcOffsetHours: number,
  startsAtHour: number,
  sessionsPerDay: number,
  models: Developer["models"],
  cacheLifetime: Developer["cacheLifetime"],
  agentVersion = "2.1.329",
): Developer {
  return {
    name,
    repositories: repositories.map((repository) => `northwind-harbor/${repository}`),
    utcOffsetHours,
    startsAtHour,
    sessionsPerDay,
    models,
    cacheLifetime,
    agentVersion,
    namesIssues: NAMING_ISSUES.has(name),
  };
}

export function getRepository(name: string): Repository {
  const repository = REPOSITORIES.find((each) => each.name === name);
  if (repository === undefined) throw new RangeError(`the demo has no repository ${name}`);
  return repository;
}
