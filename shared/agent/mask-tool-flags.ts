import { endOfMarks, mark } from "./secret-mark.ts";

/**
 * Short flags carry a secret only for some programs: `mysql -p<password>`, `sshpass -p`, `docker login -p`,
 * `redis-cli -a`, `curl -u user:<password>`. Groups: what stays, the secret.
 */
const FLAGS: readonly RegExp[] = [
  /(\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump)\b[^\n|;&]{0,300}?\s-p)([^\s"'`-][^\s"'`]*|"[^"\n]{1,200}"|'[^'\n]{1,200}')/g,
  /(\bsshpass\s{1,4}-p[ \t]{0,4})("[^"\n]{1,200}"|'[^'\n]{1,200}'|[^\s"'`]+)/g,
  /(\b(?:docker|podman|helm|oc|az|npm)\b[^\n|;&]{0,80}?\blogin\b[^\n|;&]{0,200}?\s-p[ \t]{1,4})("[^"\n]{1,200}"|'[^'\n]{1,200}'|[^\s"'`-][^\s"'`]*)/g,
  /(\bredis-cli\b[^\n|;&]{0,200}?\s-a[ \t]{1,4})("[^"\n]{1,200}"|'[^'\n]{1,200}'|[^\s"'`-][^\s"'`]*)/g,
  /(\b(?:curl|wget|http|https)\b[^\n|;&]{0,300}?\s(?:-u[ \t]{0,4}|--user[ =])["']?[^\s:"']{1,100}:)([^\s"']+)/g,
];
const TRIGGER = /\s-[pua]|\s--user[ =]/;

function replaceFlag(whole: string, kept: string, secret: string): string {
  return endOfMarks(secret, 0) === secret.length || secret.startsWith("$") ? whole : kept + mark("password");
}

/** Masks passwords in short flags of known programs. Every gap is bounded, so the work grows with the text. */
export function maskToolFlags(text: string): string {
  if (!TRIGGER.test(text)) return text;
  let masked = text;
  for (const flag of FLAGS) masked = masked.replace(flag, replaceFlag);
  return masked;
}
