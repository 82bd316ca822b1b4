/**
 * A schema for records of which one is seen. It takes what it sees for what there is: whole numbers
 * become int, others decimal with the digits that were met, texts a mutex, lists sets, times
 * timestamps. Keys in objects become paths. What is wrong about it is easily changed.
 */

const ID_NAMES = ["_id", "id"];
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const SCALE_MAX = 18;
const SCALE_MIN = 2;

/**
 * @param {string} text JSON of one record, as it is or as it would be sent
 * @returns {import("./types.js").Schema}
 */
export function inferSchema(text) {
  const digits = new Map();
  const record = unwrapped(JSON.parse(text, /** @type {any} */ ((_key, value, context) => {
    if (typeof value === "number" && !Number.isInteger(value)) {
      const source = context?.source ?? String(value);
      digits.set(value, source.split(/[.eE]/)[1]?.length ?? 0);
    }
    return value;
  })));
  if (record === null || typeof record !== "object" || Array.isArray(record)) {
    throw new Error("a record is a JSON object, such as {\"id\": 1, \"species\": \"setosa\"}");
  }
  const leaves = [...leavesOf(record, [])];
  if (!leaves.length) throw new Error("the record has no values");
  const names = namesFor(leaves.map(([path]) => path));
  const identity = identityAmong(leaves);
  const definition = leaves.map(([path, value], at) => (at === identity
    ? { name: names[at], path, type: isNatural(value) ? "id" : "string" }
    : { name: names[at], path, ...typeOf(value, digits) }));
  return { id_field: names[identity], allow_missing_fields: true, definition };
}

function unwrapped(value) {
  if (Array.isArray(value)) return unwrapped(value[0] ?? null);
  if (value && Array.isArray(value.records)) return unwrapped(value.records[0] ?? null);
  const keys = Object.keys(value ?? {});
  return keys.length === 1 && keys[0] === "value" && typeof value.value === "object"
    ? value.value : value;
}

function* leavesOf(record, before) {
  for (const [key, value] of Object.entries(record)) {
    const path = [...before, key];
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      yield* leavesOf(value, path);
    } else yield /** @type {[string[], any]} */ ([path, value]);
  }
}

function identityAmong(leaves) {
  const wanted = leaves.findIndex(([path]) =>
    path.length === 1 && ID_NAMES.includes(path[0].toLowerCase()));
  if (wanted !== -1) return wanted;
  const likely = leaves.findIndex(([path, value]) =>
    /(^|_)(id|key|uuid)$/i.test(path[path.length - 1]) && !Array.isArray(value));
  return Math.max(likely, 0);
}

function typeOf(value, digits) {
  if (Array.isArray(value)) {
    return { type: value.length && value.every(isNatural) ? "ids" : "strings" };
  }
  if (typeof value === "boolean") return { type: "bool" };
  if (typeof value === "number") {
    if (Number.isInteger(value)) return { type: "int" };
    const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, digits.get(value) ?? 0));
    return { type: "decimal", config: { Scale: scale } };
  }
  if (typeof value === "string" && TIME.test(value)) return { type: "timestamp" };
  return { type: "string", config: { Mutex: true } };
}

function isNatural(value) {
  return Number.isInteger(value) && value >= 0;
}

/** Names that fields may have, no two alike. */
function namesFor(paths) {
  const taken = new Set();
  return paths.map((path) => {
    const plain = path.join("_").toLowerCase().replace(/[^a-z0-9_-]+/g, "_");
    const begun = /^[a-z]/.test(plain) || ID_NAMES.includes(plain) ? plain : `f_${plain}`;
    let name = begun;
    for (let number = 2; taken.has(name); number += 1) name = `${begun}_${number}`;
    taken.add(name);
    return name;
  });
}
