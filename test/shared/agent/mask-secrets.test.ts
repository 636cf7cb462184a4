import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskSecrets } from "../../../shared/agent/mask-secrets.ts";

/** Made up of repeated letters, so that no scanner takes them for real. */
const run = (length: number): string => "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z".repeat(8).slice(0, length);
const hex = (length: number): string => "0a1b2c3d4e5f6789".repeat(8).slice(0, length);

const TOKENS: readonly (readonly [kind: string, token: string])[] = [
  ["anthropic-key", `sk-ant-api03-${run(40)}-_${run(20)}`],
  ["openai-key", `sk-${run(48)}`],
  ["openai-key", `sk-proj-${run(60)}`],
  ["openai-key", `sk-svcacct-${run(24)}`],
  ["github-token", `ghp_${run(36)}`],
  ["github-token", `gho_${run(36)}`],
  ["github-token", `ghu_${run(36)}`],
  ["github-token", `ghs_${run(36)}`],
  ["github-token", `ghr_${run(36)}`],
  ["github-token", `github_pat_${run(22)}_${run(59)}`],
  ["gitlab-token", `glpat-${run(20)}`],
  ["slack-token", `xoxb-1234567890-${run(24)}`],
  ["slack-token", `xapp-1-A0123-${run(24)}`],
  ["aws-key-id", "AKIAABCDEFGHIJKLMNOP"],
  ["aws-key-id", "ASIAABCDEFGHIJKLMNOP"],
  ["google-key", `AIza${run(35)}`],
  ["google-key", `ya29.${run(60)}`],
  ["stripe-key", `sk_live_${run(24)}`],
  ["stripe-key", `rk_live_${run(24)}`],
  ["stripe-key", `whsec_${run(32)}`],
  ["npm-token", `npm_${run(36)}`],
  ["hugging-face-token", `hf_${run(34)}`],
  ["netra-key", `ntr_${run(43)}`],
  ["jwt", `eyJ${run(30)}.eyJ${run(40)}.${run(43)}`],
  ["linear-key", `lin_api_${run(40)}`],
  ["pypi-token", `pypi-${run(60)}`],
  ["vault-token", `hvs.${run(40)}`],
  ["databricks-token", `dapi${hex(32)}`],
  ["slack-webhook", `https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/${run(24)}`],
];

/** Each text, the secret in it, and what the text becomes. */
const NAMED: readonly (readonly [text: string, secret: string, masked: string])[] = [
  ["password=hunter2", "hunter2", "password=[masked:password]"],
  ["export DB_PASSWORD=hunter2 && ./run", "hunter2", "export DB_PASSWORD=[masked:password] && ./run"],
  ["PGPASSWORD='two words' psql", "two words", "PGPASSWORD='[masked:password]' psql"],
  [String.raw`{"password": "with \" quote", "a": 1}`, "quote", '{"password": "[masked:password]", "a": 1}'],
  [
    String.raw`{\"api_key\":\"abcdef\",\"a\":1}`,
    "abcdef",
    String.raw`{\"api_key\":\"[masked:api-key]\",\"a\":1}`,
  ],
  ["db:\n  password: correct\n  port: 1", "correct", "db:\n  password: [masked:password]\n  port: 1"],
  ["client_secret: s3cr3t-value", "s3cr3t-value", "client_secret: [masked:secret]"],
  ["GET /cb?token=abc&page=2", "abc&", "GET /cb?token=[masked:token]&page=2"],
  ["deploy --password hunter2 --force", "hunter2", "deploy --password [masked:password] --force"],
  ["deploy --api-key=abcdef", "abcdef", "deploy --api-key=[masked:api-key]"],
  [`login --token "abc def"`, "abc def", `login --token "[masked:token]"`],
  [
    `docker run -e "APP_SECRET=my own words" img`,
    "own words",
    `docker run -e "APP_SECRET=[masked:secret]" img`,
  ],
  ["user bob, password: hunter2.", "hunter2", "user bob, password: [masked:password]."],
  ["the password is hunter2 for now", "hunter2", "the password is [masked:password] for now"],
  ["const apiKey = 'abcdefgh';", "abcdefgh", "const apiKey = '[masked:api-key]';"],
  ["Authorization: Bearer abc.def", "abc.def", "Authorization: Bearer [masked:authorization]"],
  [`-H "authorization: Basic dXNlcjpw" x`, "dXNlcjpw", `-H "authorization: Basic [masked:authorization]" x`],
  [`{"Authorization":"Bearer abcdefgh"}`, "abcdefgh", `{"Authorization":"Bearer [masked:authorization]"}`],
  ["X-Api-Key: 0123abcd", "0123abcd", "X-Api-Key: [masked:api-key]"],
  ["Cookie: sid=abc; csrf=def", "abc", "Cookie: [masked:cookie]"],
  ["send Bearer abcdef123456 along", "abcdef123456", "send Bearer [masked:token] along"],
  [`AWS_SECRET_ACCESS_KEY=${run(40)}`, run(40), "AWS_SECRET_ACCESS_KEY=[masked:api-key]"],
  ["postgres://bob:pa:ss@db:5432/x", "pa:ss", "postgres://bob:[masked:password]@db:5432/x"],
  ["postgresql://u:p/w@/x?host=/cloudsql/a", "p/w", "postgresql://u:[masked:password]@/x?host=/cloudsql/a"],
  ["redis://:hunter2@cache:6379", "hunter2", "redis://:[masked:password]@cache:6379"],
  [`https://${hex(40)}@github.com/o/r`, hex(40), "https://[masked:token]@github.com/o/r"],
  [
    "https://a.blob.core.windows.net/c?sv=2024&sig=abc%2Fdef%3D&se=1",
    "abc%2Fdef",
    "https://a.blob.core.windows.net/c?sv=2024&sig=[masked:signature]&se=1",
  ],
  [
    "AccountName=a;AccountKey=abc+/def==;EndpointSuffix=b",
    "abc+/def",
    "AccountName=a;AccountKey=[masked:api-key];EndpointSuffix=b",
  ],
  [`password="call(me" x`, "call(me", `password="[masked:password]" x`],
  ["PASSWORD=a(b)c", "a(b)c", "PASSWORD=[masked:password]"],
  ["password=$ecret<1", "$ecret<1", "password=[masked:password]"],
  ["password=<abc def", "<abc", "password=[masked:password] def"],
  ["mysql -u root -phunter2 app", "hunter2", "mysql -u root -p[masked:password] app"],
  ["sshpass -p hunter2 ssh host", "hunter2", "sshpass -p [masked:password] ssh host"],
  ["curl -u bob:hunter2 https://x", "hunter2", "curl -u bob:[masked:password] https://x"],
  ["docker login -u bob -p hunter2 reg", "hunter2", "docker login -u bob -p [masked:password] reg"],
];

const PEM_BODY = `${run(64)}\n${run(64)}\n${run(30)}==`;

describe("maskSecrets", () => {
  it.each(TOKENS)("masks a %s wherever it stands, and names it", (kind, token) => {
    for (const text of [token, `use ${token} now`, `"${token}"`, `x(${token}),`, `a\n${token}\nb`]) {
      const masked = maskSecrets(text);
      expect(masked).not.toContain(token.slice(-12));
      expect(masked).toContain(`[masked:${kind}]`);
    }
  });

  it.each(NAMED)("masks the value in %j", (text, secret, expected) => {
    expect(maskSecrets(text)).toBe(expected);
    expect(maskSecrets(text)).not.toContain(secret);
  });

  it.each([
    [
      "whole",
      `-----BEGIN RSA PRIVATE KEY-----\n${PEM_BODY}\n-----END RSA PRIVATE KEY-----\nrest of it`,
      "rest of it",
    ],
    [
      "with written-out line breaks",
      String.raw`key: "-----BEGIN PRIVATE KEY-----\n${run(64)}\n-----END PRIVATE KEY-----\n" end`,
      "end",
    ],
    [
      "without its end",
      `see -----BEGIN OPENSSH PRIVATE KEY-----\n${PEM_BODY}\n\nand then fix it`,
      "and then fix it",
    ],
    ["without its begin", `go on\n${PEM_BODY}\n-----END EC PRIVATE KEY-----`, "go on"],
    [
      "encrypted, without its end",
      `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,00\n\n${PEM_BODY}`,
      "",
    ],
    [
      "of PGP",
      `-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n${PEM_BODY}\n-----END PGP PRIVATE KEY BLOCK-----`,
      "",
    ],
  ])("masks a private key %s and keeps what is around it", (_form, text, kept) => {
    const masked = maskSecrets(text);
    expect(masked).not.toMatch(/[A-Za-z0-9]{28}/);
    expect(masked).toContain("[masked:private-key]");
    expect(masked).toContain(kept);
  });

  it("leaves a public key and a certificate alone", () => {
    const text = `-----BEGIN CERTIFICATE-----\n${run(20)}\n-----END CERTIFICATE-----`;
    expect(maskSecrets(text)).toBe(text);
  });

  it.each([
    "commit 6f1e8a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f broke it",
    "session 123e4567-e89b-42d3-a456-426614174000",
    "src/components/some-quite-long-folder-name/another-long-name/index.test.tsx",
    "token_count=123, max_tokens=4000, tokens: 4000, token: 42",
    "the password policy should be strict: at least 8 characters",
    "Fix the password: it is wrong. Add a token, a secret and a key.",
    "Add a --token flag and a --password option to the cli",
    "bearer token authentication in the middleware",
    "secret_name=app secretsmanager password_hash token_url=https://x/y",
    "if (token === null) return password == other; password = getPassword();",
    "apiKey: config.apiKey, token: string, password: boolean",
    "fetch(url, { credentials: 'include' })",
    "GITHUB_TOKEN=$GITHUB_TOKEN api_key=${API_KEY} password=$(cat file) token=<your-token>",
    "token: vscode.CancellationToken): Promise, ownerPrivateKey: Uint8Array, timeToFirstToken : 2123ms",
    "tmpl.AbsolutePWD = pwd; {Pwd: homeDir + abcd}; flags.PWD = *envFlags.PWD; --token $env:GH_TOKEN",
    "api_key = 'REDACTED', API_KEY=your-api-key, token: gho_********, secret: '{{ vault }}'",
    "PWD=/home/bob pwd=/tmp; Token::new(x)",
    "https://unpkg.com/foo@1.2.3 http://localhost:8080/a@b git@github.com:o/r.git ssh://git@github.com/o/r",
    "task-management-system-for-kids, risk-ant-farm, disk-proj-plan",
    "npm_config_registry, shelf_life, entry_point, npm test",
    "mkdir -p some/folder && ps -a && docker run -p 80:80 x && git add -u",
    "why does 2 + 2 = 4? 50% of a:b:c; x => y",
    "Ключ: значение, パスワード, 🔑",
    "",
  ])("leaves %j as it is", (text) => {
    expect(maskSecrets(text)).toBe(text);
  });

  it("does not let a mark shield what is attached to it", () => {
    expect(maskSecrets("password=[masked:password]hunter2")).toBe("password=[masked:password]");
  });

  it.each([
    "eyJ",
    "sk-",
    "ghp_",
    "a://b:",
    "://",
    "a@",
    "https://a:b@",
    'password="',
    String.raw`password=\"`,
    "password: ",
    "--password ",
    "token=,a",
    "-----BEGIN RSA PRIVATE KEY-----\n",
    "-----END RSA PRIVATE KEY-----",
    "mysql -u ",
    "curl -u a:",
    "docker login ",
    "Authorization: Bearer ",
    '"PASSWORD=',
    "cookie: a=",
    "\\",
    '"',
    "&sig=a",
    "SG.",
    "password=[masked:x]",
    "A",
    "\n",
  ])("gets through a megabyte of %j, unchanged by a second look", (fragment) => {
    const text = fragment.repeat(Math.ceil(2 ** 20 / fragment.length));
    const masked = maskSecrets(text);
    expect(masked.length).toBeLessThanOrEqual(5 * text.length + 24);
    expect(maskSecrets(masked) === masked).toBe(true);
  });
});

const alphanumeric = fc.string({
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".split("")),
  minLength: 43,
  maxLength: 60,
});
const formed = fc
  .tuple(
    fc.constantFrom(
      "sk-ant-api03-",
      "sk-",
      "sk-proj-",
      "ghp_",
      "github_pat_",
      "glpat-",
      "xoxb-",
      "AIza",
      "sk_live_",
      "npm_",
      "hf_",
      "ntr_",
      "eyJ",
    ),
    alphanumeric,
  )
  .map(([start, rest]) => start + rest);
const anyText = fc.string({ unit: "grapheme", maxLength: 80 });
const anyName = fc.constantFrom(
  "password",
  "DB_PASSWORD",
  "api_key",
  "clientSecret",
  "auth_token",
  "passphrase",
);
const anySecret = fc
  .string({
    unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789!%^*+-_/".split("")),
    minLength: 6,
    maxLength: 40,
  })
  .map((text) => `q7${text}z9`);

/** Pieces that meet in unlucky ways far more often than random characters would. */
const unlucky = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "password",
        "token",
        "secret",
        "pwd",
        "Authorization",
        "Bearer ",
        "Basic ",
        "Cookie",
        "sig",
        "=",
        ":",
        ": ",
        " = ",
        "==",
        " is ",
      ),
      fc.constantFrom(
        '"',
        "'",
        "`",
        '\\"',
        "\\",
        "\n",
        " ",
        "&",
        ";",
        ",",
        ")",
        "]",
        "}",
        "--",
        "-",
        "-p ",
        "mysql ",
        "curl -u a:",
      ),
      fc.constantFrom(
        "://",
        "a://b:",
        "@",
        "x1",
        "hunter2",
        "$X",
        "<a>",
        "null",
        "[masked:token]",
        "[masked:",
        "?",
        "{",
      ),
      fc.constantFrom(
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        `ghp_${run(36)}`,
        `eyJ${run(20)}`,
        run(16),
      ),
      fc.string({ unit: "grapheme", maxLength: 4 }),
    ),
    { maxLength: 30 },
  )
  .map((pieces) => pieces.join(""));

describe("properties of maskSecrets", () => {
  it("no secret of a known form survives, whatever surrounds it", () => {
    fc.assert(
      fc.property(anyText, formed, anyText, (before, secret, after) => {
        expect(maskSecrets(`${before}${secret}${after}`)).not.toContain(secret);
        expect(maskSecrets(`${before} ${secret} ${after}`)).not.toContain(secret.slice(-20));
      }),
      { numRuns: 1_000 },
    );
  });

  it("no value named as a secret survives, in any form of assignment", () => {
    const forms = [
      (name: string, value: string) => `${name}=${value}`,
      (name: string, value: string) => `${name}="${value}"`,
      (name: string, value: string) => `${name}: '${value}'`,
      (name: string, value: string) => JSON.stringify({ [name]: value }),
      (name: string, value: string) => JSON.stringify(JSON.stringify({ [name]: value })),
      (name: string, value: string) => `--${name} ${value}`,
      (name: string, value: string) => `--${name}=${value}`,
      (name: string, value: string) => `https://x.example/?${name}=${value}&a=1`,
      (name: string, value: string) => `${name}: ${value}`,
    ];
    fc.assert(
      fc.property(
        anyText,
        fc.constantFrom(...forms),
        anyName,
        anySecret,
        anyText,
        (before, form, name, secret, after) => {
          expect(maskSecrets(`${before}\n${form(name, secret)} ${after}`)).not.toContain(secret);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("masking twice is masking once, and grows a text at most as stated", () => {
    fc.assert(
      fc.property(fc.oneof(unlucky, anyText), (text) => {
        const masked = maskSecrets(text);
        expect(maskSecrets(masked)).toBe(masked);
        expect(masked.length).toBeLessThanOrEqual(5 * text.length + 24);
      }),
      { numRuns: 5_000 },
    );
  });
});
