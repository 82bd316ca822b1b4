/**
 * A text as tokens, for colours and completion: of SQL, PQL or JSON. Every character is in exactly
 * one token; nothing is refused here, the server says what is wrong.
 */

import { SQL_KEYWORDS, SQL_TYPES } from "./words.js";

const keywords = new Set([...SQL_KEYWORDS, ...SQL_TYPES]);

/** Kinds in the order in which they are tried; what matches none is one plain character. */
const RULES = {
  sql: [
    ["comment", /--[^\n]*|\/\*[^]*?(?:\*\/|$)/y],
    ["text", /'(?:[^']|'')*(?:'|$)/y],
    ["name", /"(?:[^"]|"")*(?:"|$)/y],
    ["number", /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b/y],
    ["word", /[A-Za-z_][A-Za-z0-9_-]*/y],
    ["space", /\s+/y],
  ],
  pql: [
    ["text", /"(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$)/y],
    ["number", /-?\d+(?:\.\d+)?(?:[-T:Z\d]*)/y],
    ["word", /[A-Za-z_][A-Za-z0-9_-]*/y],
    ["space", /\s+/y],
  ],
  json: [
    ["key", /"(?:[^"\\\n]|\\.)*"(?=\s*:)/y],
    ["text", /"(?:[^"\\\n]|\\.)*"?/y],
    ["number", /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y],
    ["word", /[A-Za-z]+/y],
    ["space", /\s+/y],
  ],
};

const OPENS = /^\s*\(/;

/** @typedef {"sql" | "pql" | "json"} Language */

/**
 * @param {string} text
 * @param {Language} language
 * @returns {{kind: string, text: string, start: number}[]}
 */
export function tokens(text, language) {
  const found = [];
  let at = 0;
  while (at < text.length) {
    const [kind, length] = next(text, at, language);
    found.push({ kind, text: text.slice(at, at + length), start: at });
    at += length;
  }
  return found;
}

function next(text, at, language) {
  for (const [kind, pattern] of RULES[language]) {
    const rule = /** @type {RegExp} */ (pattern);
    rule.lastIndex = at;
    const match = rule.exec(text);
    if (!match) continue;
    const isCalled = OPENS.test(text.slice(at + match[0].length, at + match[0].length + 8));
    return [kind === "word" ? wordKind(match[0], language, isCalled) : kind, match[0].length];
  }
  return ["sign", 1];
}

function wordKind(word, language, isCalled) {
  if (language === "json") return "keyword";
  if (language === "sql" && keywords.has(word.toLowerCase())) return "keyword";
  if (isCalled) return "call";
  return language === "pql" && ["true", "false", "null"].includes(word) ? "keyword" : "name";
}
