/** The types of a source's fields: what they take, which options they have, and an example. */

/**
 * @typedef {{name: string, path?: string[], type: string, config?: Record<string, any>}} Definition
 * @typedef {{id_field?: string, primary_key_fields?: string[], allow_missing_fields?: boolean,
 *   definition: Definition[]}} Schema
 */

/** @type {Record<string, {takes: string, options: string[], example: (name: string) => any}>} */
export const TYPES = {
  id: { takes: "a whole number", options: ["Mutex", "Quantum", "TTL"], example: () => 1 },
  ids: { takes: "whole numbers", options: ["Quantum", "TTL"], example: () => [1, 2] },
  string: { takes: "a text", options: ["Mutex", "Quantum", "TTL"], example: (name) => `a ${name}` },
  strings: { takes: "texts", options: ["Quantum", "TTL"], example: () => ["one", "two"] },
  bool: { takes: "true or false", options: [], example: () => true },
  int: { takes: "a whole number", options: ["Min", "Max", "ForeignIndex"], example: () => 7 },
  decimal: { takes: "a number", options: ["Scale"], example: () => 1.5 },
  timestamp: {
    takes: "a time", options: ["Granularity", "Layout", "Epoch", "Unit"],
    example: () => "2026-01-31T12:00:00Z",
  },
  dateInt: {
    takes: "a time, kept as a number", options: ["Layout", "Epoch", "Unit", "CustomUnit"],
    example: () => "2026-01-31T12:00:00Z",
  },
  recordTime: {
    takes: "the record's time", options: ["Layout", "Epoch", "Unit"],
    example: () => "2026-01-31T12:00:00Z",
  },
  vector: { takes: "a list of numbers", options: ["Dimensions"], example: () => [0.5, 0.25] },
  signedIntBoolKey: { takes: "a row id, negative to clear", options: [], example: () => 1 },
};

/** What each option is edited with: a flag, a whole number, a text, or one of a few. */
export const OPTIONS = {
  Mutex: "flag", Dimensions: "number", Min: "number", Max: "number", Scale: "number",
  Quantum: "text", TTL: "text",
  Layout: "text", Epoch: "text", CustomUnit: "text", ForeignIndex: "text",
  Unit: ["d", "h", "m", "s", "ms", "us", "ns", "c"], Granularity: ["s", "ms", "us", "ns"],
};

/**
 * Return a record that a source of this schema takes.
 * @param {Schema} schema
 */
export function exampleRecord(schema) {
  const record = {};
  for (const { name, path, type } of schema.definition) {
    const keys = path?.length ? path : [name];
    let place = record;
    for (const key of keys.slice(0, -1)) place = place[key] ??= {};
    place[keys[keys.length - 1]] = TYPES[type]?.example(name) ?? null;
  }
  return record;
}

/**
 * Return a schema as JSON with a line for each field.
 * @param {Schema} schema
 */
export function schemaText(schema) {
  const { definition, ...rest } = schema;
  const lines = Object.entries(rest).map(([key, value]) => `  "${key}": ${spaced(value)},`);
  const fields = definition.map((each) => `    ${spaced(each)}`).join(",\n");
  return ["{", ...lines, `  "definition": [`, fields, "  ]", "}"].join("\n");
}

/** Return JSON on one line, with a space after each comma and colon. */
function spaced(value) {
  if (Array.isArray(value)) return `[${value.map(spaced).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).map(([key, each]) =>
    `${JSON.stringify(key)}: ${spaced(each)}`);
  return `{${members.join(", ")}}`;
}
