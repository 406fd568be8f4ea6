import { describe, expect, it } from "vitest";
import { fieldsOf, InvalidField, moveOf, wordsOf } from "../src/schema_fields.js";

const SCHEMA = {
  type: "object",
  required: ["position", "hand", "cards"],
  properties: {
    position: { type: "integer", minimum: 0, maximum: 8, description: "Row by row" },
    hand: { $ref: "#/$defs/Hand" },
    cards: { type: "array", items: { type: "integer" } },
    is_loud: { type: "boolean" },
    word: { type: ["string", "null"], maxLength: 5 },
    weight: { anyOf: [{ type: "number" }, { type: "null" }] },
  },
  $defs: {
    Hand: {
      oneOf: [
        { const: "rock", description: "Beats scissors" },
        { type: "string", enum: ["paper", "scissors"] },
      ],
    },
  },
};

describe("a move's form", () => {
  it("has a typed field for each property", () => {
    const fields = fieldsOf(SCHEMA);
    expect(fields.map(({ name, kind, isRequired }) => [name, kind, isRequired])).toEqual([
      ["position", "integer", true],
      ["hand", "choice", true],
      ["cards", "json", true],
      ["is_loud", "boolean", false],
      ["word", "text", false],
      ["weight", "number", false],
    ]);
    expect(fields[0]).toMatchObject({ label: "Position", min: 0, max: 8, description: "Row by row" });
    expect(fields[1]?.choices.map(({ value, label }) => [value, label])).toEqual([
      ["rock", "Rock"],
      ["paper", "Paper"],
      ["scissors", "Scissors"],
    ]);
    expect(fields[4]).toMatchObject({ maxLength: 5 });
  });

  it("is empty for a move without fields, and for what is no schema", () => {
    for (const schema of [{}, { type: "object" }, null, undefined, "x", true]) expect(fieldsOf(schema)).toEqual([]);
  });

  it("survives a schema that refers to itself or to nothing", () => {
    const loop = {
      properties: { a: { $ref: "#/$defs/A" }, b: { $ref: "#/nowhere" } },
      $defs: { A: { $ref: "#/$defs/A" } },
    };
    expect(fieldsOf(loop).map(({ kind }) => kind)).toEqual(["json", "json"]);
  });
});

describe("what the form says", () => {
  const filled = (fields: Record<string, string>) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    return form;
  };

  it("is a move with its types, and without what is optional and empty", () => {
    const form = filled({ position: "4", hand: "1", cards: "[1,2]", is_loud: "on", word: "", weight: "2.5" });
    expect(moveOf(fieldsOf(SCHEMA), form)).toEqual({
      position: 4,
      hand: "paper",
      cards: [1, 2],
      is_loud: true,
      weight: 2.5,
    });
    expect(moveOf(fieldsOf(SCHEMA), filled({ position: "0", hand: "0", cards: "[]" }))).toMatchObject({
      is_loud: false,
    });
  });

  it("is refused where a field's text is not of its type, which is named", () => {
    const broken = filled({ position: "4", hand: "1", cards: "[1,", word: "" });
    expect(() => moveOf(fieldsOf(SCHEMA), broken)).toThrow(InvalidField);
    expect(() => moveOf(fieldsOf(SCHEMA), filled({ position: "x", hand: "0", cards: "[]" }))).toThrow("position");
  });
});

it("names are words", () => {
  expect(wordsOf("enable_auto_play")).toBe("Enable auto play");
});
