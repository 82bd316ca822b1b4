/**
 * What the editor completes of the two languages. Keywords stand here; functions and calls, of which
 * there are hundreds, are the server's to tell.
 */

export const SQL_KEYWORDS = `add all alter and as asc between bulk by case cast column columns comment
  copy create cross current_date current_timestamp database delete desc describe distinct drop else
  end except exists explain false first following from group having if in inner insert intersect into
  is join kill last left like limit map not null nulls offset on or order outer over partition
  preceding query rename replace right row rows select set show size table tables then time
  timequantum timeunit to top transform true ttl unbounded union unkeyed update using values view
  views when where with`.split(/\s+/);

export const SQL_TYPES = `bool decimal id idset idsetq int string stringset stringsetq timestamp
  varchar vector`.split(/\s+/);

export const PQL_ARGUMENTS = `aggregate column excludeColumns field filter from having index like
  limit n nth offset previous shards sort to`.split(/\s+/);

/** @typedef {{sql_functions: string[], pql_calls: string[]}} Callables */

/** @type {Callables} */
export const NOTHING_CALLABLE = { sql_functions: [], pql_calls: [] };
