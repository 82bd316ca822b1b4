/**
 * What could stand where the caret is: names of the live schema first, then the language's own words.
 * Knows the tables and fields as the server shows them; asks nobody.
 */

import { tokens } from "./tokens.js";
import { PQL_ARGUMENTS, SQL_KEYWORDS, SQL_TYPES } from "./words.js";

const WORD = /[A-Za-z_][A-Za-z0-9_-]*$/;
const TABLE_FOLLOWS = new Set(["from", "join", "into", "table", "update", "columns"]);

/**
 * Return the function that an editor asks.
 * @param {() => {name: string, fields: {name: string, type: string}[]}[]} schema the present tables
 * @param {import("./words.js").Callables} callables
 */
export function completer(schema, callables) {
  return (before, language) => {
    const last = tokens(before, language).at(-1);
    if (last && (last.kind === "comment" || isOpenText(last))) return null;
    const word = WORD.exec(before)?.[0] ?? "";
    const from = before.length - word.length;
    const candidates = language === "sql"
      ? forSql(before.slice(0, from), schema(), callables.sql_functions)
      : forPql(before.slice(0, from), schema(), callables.pql_calls);
    const wanted = word.toLowerCase();
    const found = candidates.filter(({ label }) =>
      label.toLowerCase().startsWith(wanted) && label !== word);
    return { from, found: unique(found) };
  };
}

function forSql(before, tables, functions) {
  const words = tokens(before, "sql").filter((each) => each.kind !== "space");
  const last = words.at(-1)?.text.toLowerCase() ?? "";
  const tableNames = tables.map((each) => ({ label: each.name, detail: "table" }));
  if (TABLE_FOLLOWS.has(last)) return tableNames;
  if (last === ".") return fieldsOf(tables, words.at(-2)?.text ?? "");
  const named = new Set(words.map((each) => each.text.toLowerCase()));
  const used = tables.filter((each) => named.has(each.name));
  return [
    ...fieldsOf(used.length ? used : tables),
    ...tableNames,
    ...[...SQL_KEYWORDS, ...SQL_TYPES].map((label) => ({ label, detail: "" })),
    ...functions.map((label) => ({ label, detail: "function", insert: `${label}(` })),
  ];
}

function forPql(before, tables, known) {
  if (/\[\s*$/.test(before)) {
    return tables.map((each) => ({ label: each.name, detail: "table", insert: `${each.name}]` }));
  }
  const named = /\[\s*([\w-]+)\s*\][^[]*$/.exec(before)?.[1];
  const used = tables.filter((each) => each.name === named);
  const calls = known.map((label) => ({ label, detail: "call", insert: `${label}(` }));
  const isInside = (before.match(/\(/g) ?? []).length > (before.match(/\)/g) ?? []).length;
  if (!isInside) return calls;
  return [
    ...fieldsOf(used.length ? used : tables),
    ...calls,
    ...PQL_ARGUMENTS.map((label) => ({ label, detail: "argument", insert: `${label}=` })),
  ];
}

function fieldsOf(tables, name = "") {
  const chosen = name ? tables.filter((each) => each.name === name) : tables;
  return chosen.flatMap((table) => [
    { label: "_id", detail: "id" },
    ...table.fields.map((field) => ({ label: field.name, detail: field.type })),
  ]);
}

function isOpenText(token) {
  return token.kind === "text" && (token.text.length === 1 || !/['"]$/.test(token.text));
}

function unique(found) {
  const seen = new Set();
  return found.filter(({ label }) => !seen.has(label) && seen.add(label));
}
