/** Whether an Accept header prefers CSV to JSON: it names text/csv, with more weight than application/json. */
export function prefersCsv(accept: string | undefined): boolean {
  const weights = new Map(
    (accept ?? "").split(",").map((part) => {
      const [type = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
      return [type, weight === undefined ? 1 : Number(weight)] as const;
    }),
  );
  const csv = weights.get("text/csv") ?? 0;
  return csv > (weights.get("application/json") ?? 0);
}
