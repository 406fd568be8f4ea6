// From the JSON Schema of a move to the fields of a form, and back from the form to the move.

export type FieldKind = "integer" | "number" | "boolean" | "text" | "choice" | "json";

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  readonly kind: FieldKind;
  readonly isRequired: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly choices: readonly { value: unknown; label: string }[];
}

type Schema = Readonly<Record<string, unknown>>;

/** `enable_auto_play` as `Enable auto play`. */
export function wordsOf(name: string): string {
  const words = name.replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function fieldsOf(move: unknown): Field[] {
  const root = asSchema(move);
  const schema = resolved(root, root);
  const required = new Set(Array.isArray(schema.required) ? schema.required : []);
  return Object.entries(asSchema(schema.properties)).map(([name, property]) =>
    fieldOf(name, asSchema(property), root, required.has(name)),
  );
}

/** What the move itself says of itself. */
export function descriptionOf(move: unknown): string {
  const { description } = asSchema(move);
  return typeof description === "string" ? description : "";
}

function fieldOf(name: string, property: Schema, root: Schema, isRequired: boolean): Field {
  const [schema, isNullable] = withoutNull(resolved(property, root), root);
  const choices = choicesOf(schema, root);
  const description = property.description ?? schema.description;
  return {
    name,
    label: wordsOf(name),
    description: typeof description === "string" ? description : "",
    kind: choices.length > 0 ? "choice" : kindOf(schema.type),
    isRequired: isRequired && !isNullable,
    choices,
    ...numbers(schema, { min: "minimum", max: "maximum", minLength: "minLength", maxLength: "maxLength" }),
    ...(typeof schema.pattern === "string" ? { pattern: schema.pattern } : {}),
  };
}

function kindOf(type: unknown): FieldKind {
  if (type === "integer" || type === "number" || type === "boolean") return type;
  return type === "string" ? "text" : "json";
}

function choicesOf(schema: Schema, root: Schema): { value: unknown; label: string }[] {
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => ({ value, label: labelOf(value) }));
  if ("const" in schema) return [{ value: schema.const, label: labelOf(schema.const) }];
  const one = schema.oneOf ?? schema.anyOf;
  if (!Array.isArray(one)) return [];
  const parts = one.map((part) => choicesOf(resolved(asSchema(part), root), root));
  return parts.every((part) => part.length > 0) ? parts.flat() : [];
}

function labelOf(value: unknown): string {
  return typeof value === "string" ? wordsOf(value) : JSON.stringify(value);
}

function withoutNull(schema: Schema, root: Schema): [Schema, isNullable: boolean] {
  if (Array.isArray(schema.type) && schema.type.includes("null")) {
    const types = schema.type.filter((type) => type !== "null");
    return [{ ...schema, type: types.length === 1 ? types[0] : types }, true];
  }
  const parts = schema.anyOf ?? schema.oneOf;
  if (!Array.isArray(parts)) return [schema, false];
  const rest = parts.filter((part) => asSchema(part).type !== "null");
  if (rest.length === parts.length) return [schema, false];
  return [rest.length === 1 ? resolved(asSchema(rest[0]), root) : { ...schema, anyOf: rest }, true];
}

function resolved(schema: Schema, root: Schema, depth = 0): Schema {
  const { $ref, allOf } = schema;
  if (depth > 8) return schema;
  if (Array.isArray(allOf) && allOf.length === 1) {
    return resolved({ ...schema, allOf: undefined, ...asSchema(allOf[0]) }, root, depth + 1);
  }
  if (typeof $ref !== "string" || !$ref.startsWith("#/")) return schema;
  const target = $ref
    .slice(2)
    .split("/")
    .reduce((at: unknown, part) => asSchema(at)[part.replaceAll("~1", "/").replaceAll("~0", "~")], root);
  const { $ref: _, ...beside } = schema;
  return resolved({ ...asSchema(target), ...beside }, root, depth + 1);
}

function numbers<K extends string>(schema: Schema, names: Record<K, string>): Partial<Record<K, number>> {
  const found: Partial<Record<K, number>> = {};
  for (const [name, key] of Object.entries(names) as [K, string][]) {
    const value = schema[key];
    if (typeof value === "number") found[name] = value;
  }
  return found;
}

function asSchema(value: unknown): Schema {
  return typeof value === "object" && value !== null ? (value as Schema) : {};
}

/** A field whose text is not what the field takes. */
export class InvalidField extends Error {
  constructor(readonly field: Field) {
    super(field.name);
  }
}

/** The move that the form says: each field with its type; what is optional and empty is left out. */
export function moveOf(fields: readonly Field[], form: FormData): Record<string, unknown> {
  const move: Record<string, unknown> = {};
  for (const field of fields) {
    const written = form.get(field.name);
    if (field.kind === "boolean") {
      move[field.name] = written !== null;
      continue;
    }
    const raw = typeof written === "string" ? written : "";
    if (raw === "" && !field.isRequired) continue;
    move[field.name] = typed(field, raw);
  }
  return move;
}

function typed(field: Field, raw: string): unknown {
  switch (field.kind) {
    case "integer":
    case "number": {
      const value = Number(raw);
      if (raw.trim() === "" || Number.isNaN(value)) throw new InvalidField(field);
      return value;
    }
    case "choice":
      return field.choices[Number(raw)]?.value;
    case "json":
      try {
        return JSON.parse(raw);
      } catch {
        throw new InvalidField(field);
      }
    default:
      return raw;
  }
}
