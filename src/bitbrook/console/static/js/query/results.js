/**
 * Answers as tables: columns with a kind each, and rows. SQL answers are tables already; what PQL
 * answers comes in the shapes of its calls, each of which is one table.
 */

/**
 * @typedef {"number" | "text" | "time" | "bool" | "set"} Kind
 * @typedef {{name: string, type: string, kind: Kind, scale?: number}} Column
 * @typedef {{columns: Column[], rows: any[][]}} Table
 */

const NUMBERS = new Set(["int", "decimal", "id"]);
const NO_TIME = "0001-01-01T00:00:00Z";

/** @param {any} answer @returns {Table} */
export function tableOfSql(answer) {
  const columns = answer.schema.fields.map((field) => {
    const base = field["base-type"] ?? field.type;
    return { name: field.name, type: field.type, kind: kindOf(base), scale: field["type-info"]?.scale };
  });
  return { columns, rows: answer.data };
}

/** @param {any} result of one call @returns {Table} */
export function tableOfPql(result) {
  if (Array.isArray(result)) return result[0]?.group ? ofGroups(result) : ofPairs(result);
  if (result === null || typeof result !== "object") return ofValues("result", [result]);
  if (result.fields) return ofExtract(result);
  if (result.columns) return ofValues("_id", result.keys?.length ? result.keys : result.columns);
  if ("rows" in result) return ofValues("row", result.keys ?? result.rows ?? []);
  if (result.pos) {
    const below = (result.neg?.columns ?? []).map((each) => -each).reverse();
    return ofValues("value", [...below, ...result.pos.columns]);
  }
  if ("floatValue" in result) return ofTotal(result);
  if ("count" in result) return ofPairs([result]);
  return ofValues("result", [JSON.stringify(result)]);
}

function kindOf(type) {
  if (NUMBERS.has(type)) return "number";
  if (type.startsWith("timestamp")) return "time";
  if (type === "bool") return "bool";
  return type.includes("set") || type.startsWith("vector") ? "set" : "text";
}

/** @returns {Kind} */
function kindOfValues(values) {
  const value = values.find((each) => each !== null && each !== undefined);
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "set" : "text";
}

function column(name, values) {
  const kind = kindOfValues(values);
  return { name, type: kind === "number" ? "number" : kind, kind };
}

function ofValues(name, values) {
  return { columns: [column(name, values)], rows: values.map((each) => [each]) };
}

function ofPairs(pairs) {
  const isKeyed = pairs.some((each) => each.key);
  const rows = pairs.map((each) => [isKeyed ? each.key : each.id, each.count]);
  return {
    columns: [column("row", rows.map((row) => row[0])), column("count", rows.map((row) => row[1]))],
    rows,
  };
}

function ofGroups(groups) {
  const names = groups[0].group.map((each) => each.field);
  const measures = Object.keys(groups[0]).filter((key) => key !== "group");
  const rows = groups.map((each) => [
    ...each.group.map((part) => part.rowKey ?? part.value ?? part.rowID),
    ...measures.map((key) => each[key]),
  ]);
  const all = [...names, ...measures];
  return { columns: all.map((name, at) => column(name, rows.map((row) => row[at]))), rows };
}

function ofExtract(result) {
  const rows = result.columns.map((each) => [each.column, ...each.rows]);
  const ids = column("_id", rows.map((row) => row[0]));
  const columns = result.fields.map((field, at) => {
    const made = column(field.name, rows.map((row) => row[at + 1]));
    return { ...made, type: field.type, kind: field.type === "timestamp" ? "time" : made.kind };
  });
  return { columns: [ids, ...columns], rows };
}

function ofTotal(total) {
  const value = total.decimalValue
    ?? (total.timestampValue && total.timestampValue !== NO_TIME ? total.timestampValue : total.value);
  return {
    columns: [column("value", [value]), column("count", [total.count])],
    rows: [[value, total.count]],
  };
}
