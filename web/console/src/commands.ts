import type { Message } from "./types.js";

const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** A word as a POSIX shell takes it for itself, whatever is in it. */
export function quoted(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export interface TailFilters {
  key?: string | undefined;
  type?: string | undefined;
  correlationId?: string | undefined;
}

/** What shows the same records on a terminal. */
export function tailCommand(topic: string, filters: TailFilters, isLive = false): string {
  const options = [
    ["--key", filters.key],
    ["--type", filters.type],
    ["--correlation-id", filters.correlationId],
  ].flatMap(([name, value]) => (name && value ? [name, quoted(value)] : []));
  const span = isLive ? [] : ["--from-beginning", "--until-end"];
  return ["blazing-sun", "tail", quoted(topic), ...options, ...span].join(" ");
}

/** What ends a line for Kafka's own tools, and with it the record. */
const LINE_END = /[\n\r]/;

/**
 * What appends the same record once more with Kafka's own tools; nothing where their format, a line for each record, would
 * make others of it.
 */
export function producerCommand({ topic, key, value, headers }: Message): string | undefined {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const named = Object.entries(headers).map(([name, each]) => [name, `${each}`] as const);
  const isSplit =
    named.some(([name, each]) => /[\t,:]/.test(name) || /[\t,]/.test(each) || LINE_END.test(name + each)) ||
    /\t/.test(key ?? "") ||
    LINE_END.test(`${key}${text}`);
  if (isSplit) return undefined;
  const fields = [named.map(([name, each]) => `${name}:${each}`).join(","), key, text];
  const hasHeaders = fields[0] !== "";
  const line = (hasHeaders ? fields : fields.slice(1)).join("\t");
  const properties = ["parse.key=true", ...(hasHeaders ? ["parse.headers=true"] : [])];
  const options = properties.map((property) => `--property ${property}`).join(" ");
  return (
    `printf '%s\\n' ${quoted(line)} | ` +
    `kafka-console-producer.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --topic ${quoted(topic)} ${options}`
  );
}

/** As it can be read again by programs. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "null";
}

/** JSON in which nothing hides: what has no shape of its own, or turns what follows around, is written by its number. */
export function visible(json: string): string {
  return json.replace(/[\p{Cf}\p{Co}\u007f-\u009f\u2028\u2029]/gu, (char) =>
    Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, "0")}`).join(""),
  );
}
