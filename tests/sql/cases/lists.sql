-- Lists and structs: made, read, changed; sets are lists, too. Places count from 1.
+ create table users (_id id, name string, country string, age int, tags stringset, marks idset, p decimal(2), at timestamp)
+ insert into users values
+   (1, 'ann', 'de', 30, ['b', 'a'], [3, 1], 1.50, '2024-01-01'), (2, 'bob', 'fr', 40, ['b'], null, 2.25, null),
+   (3, 'cid', 'de', 50, null, [2], null, '2024-01-03'), (4, 'dan', null, null, ['c', 'a', 'b'], [7], 0.01, '2024-01-04')

-- Aggregates that make lists: of a table in the order of its ids, or in the order asked for.
> select list(name), array_agg(age order by age desc), list(distinct country), list(p) filter (where age > 30), list(at) from users
: list(string), list(int), list(string), list(decimal(2)), list(timestamp)
[["ann", "bob", "cid", "dan"], [50, 40, 30, null], ["de", "fr", null], [2.25, null], ["2024-01-01T00:00:00Z", null, "2024-01-03T00:00:00Z", "2024-01-04T00:00:00Z"]]
> select country, list(name), string_agg(name, '-'), first(age), last(age), any_value(age), mode(country), arg_max(name, age), max_by(name, p) from users group by country
["de", ["ann", "cid"], "ann-cid", 30, 50, 30, "de", "cid", "ann"]
["fr", ["bob"], "bob", 40, 40, 40, "fr", "bob", "bob"]
[null, ["dan"], "dan", null, null, null, null, null, "dan"]
> select arg_max(name, age, 2), arg_min(name, age, 9), arg_min(p, age, 1) from users
[["cid", "bob"], ["ann", "bob", "cid"], [1.50]]
> select list(age) from users where age > 99
[null]
> select list(tags) from users where _id < 3
: list(stringset)
[[["a", "b"], ["b"]]]
> select histogram(country), median(age), bit_or(age), bool_and(age > 20), count_if(age > 30), quantile_disc(age, 0.5) from users
: list(struct(key string, value int)), double, int, bool, int, int
[[{"key": "de", "value": 2}, {"key": "fr", "value": 1}], 40, 62, true, 2, 40]
> select percentile_cont(0.25) within group (order by age), mode() within group (order by name) from users
[35, "ann"]
> select stddev_pop(age), var_samp(age), covar_pop(age, age), regr_slope(age, age) from users where _id in (1, 3)
[10, 200, 100, 1]
> select list(name) over (order by _id rows 1 preceding) from users where _id < 3
[["ann"]]
[["ann", "bob"]]
> select list(distinct name order by age) from users
! with DISTINCT, ORDER BY takes what is aggregated
> select list(sum(age)) from users
! aggregates cannot be nested

-- Brackets: constants alone are a set, but where a list is taken.
> select [3, 1, 1], list_value(3, 1, 1), [age, 1], [[2, 1], [1]], list_sort([3, 1, 1]), len([3, 1, 1]) from users where _id = 1
: idset, list(int), list(int), list(list(int)), list(int), int
[[1, 3], [3, 1, 1], [30, 1], [[2, 1], [1]], [1, 1, 3], 3]
> select list_value(1, 2.5, null), list_concat([], [1]), len([])
: list(decimal(1)), list(int), int
[[1.0, 2.5, null], [1], 0]
> select list_value(1, 'a')
! [1:22] types 'int' and 'string' are not equatable

-- Functions.
> select list_sort(tags, 'DESC'), list_contains(tags, 'a'), list_position(tags, 'b'), list_distinct(tags), len(marks), list_sum(marks), list_max(marks) from users
: list(string), bool, int, list(string), int, int, id
[["b", "a"], true, 2, ["a", "b"], 2, 4, 3]
[["b"], false, 1, ["b"], null, null, null]
[null, null, null, null, 1, 2, 2]
[["c", "b", "a"], true, 2, ["a", "b", "c"], 1, 7, 7]
> select list_append([1], 2), list_prepend(0, [1]), list_concat([1], [2], [3]), list_reverse([1, 2]), list_slice([1, 2, 3], 2, 3), list_extract([1, 2], -1), list_intersect([1, 2], [2, 3]), list_has_any([1], [1, 2]), list_has_all([1], [1, 2]), flatten([[1], [2, 3]])
[[1, 2], [0, 1], [1, 2, 3], [2, 1], [2, 3], 2, [2], true, false, [1, 2, 3]]
> select list_avg([1, 2, 2]), list_avg(list_value(0.25, 0.5)), list_min(list_value('b', 'a')), list_aggregate([1, 2], 'sum'), list_aggregate(list_value('a', 'b'), 'string_agg', '+'), array_to_string(list_value('x', 'y'), ', '), list_count(list_value(1, null)), list_bool_or(list_value(true, false))
[1.6667, 0.3750, "a", 3, "a+b", "x, y", 1, true]
> select list_where(list_value(1, 2), list_value(true, false)), list_select(list_value('a', 'b'), [2, 1]), list_unique([1, 1, 2]), list_grade_up([3, 1, 2]), array_pop_back([1, 2]), list_inner_product([1, 2], [3, 4])
: list(int), list(string), int, list(int), list(int), double
[[1], ["b", "a"], 2, [2, 3, 1], [1], 11]
> select string_split('a,b', ','), regexp_extract_all('a1b22', '[0-9]+'), range(3), generate_series(1, 5, 2)
[["a", "b"], ["1", "22"], [0, 1, 2], [1, 3, 5]]
> select l[1], l[-1], l[2:], l[:1], l[9] from (select list_value('a', 'b', 'c') as l) q
["a", "c", ["b", "c"], ["a"], null]
> select list_sort([1], 'UP')
! is no order of a list
> select list_aggregate(list_value('a'), 'sum')
! 'sum' is no aggregate of a 'list(string)'
> select list_contains([1], 'a')
! types 'int' and 'string' are not equatable
> select list_sum(list_value('a'))
! an expression of type 'list(string)' cannot be passed to a parameter of type 'list'
> select list_sum(age) from users
! an expression of type 'int' cannot be passed to a parameter of type 'list'
> select list_sum(list_value(9223372036854775807, 1))
! [1:8] a value of an expression is out of range

-- Lambdas.
> select list_transform([3, 1, 1], x -> x + 1), list_filter([1, 2, 3], lambda x: x > 1), list_reduce([1, 2, 3], (x, y) -> x + y), list_reduce([1, 2], (x, y) -> x + y, 10), list_transform([5, 6], (x, i) -> x * i)
[[4, 2, 2], [2, 3], 6, 13, [5, 12]]
> select name, list_transform(tags, t -> t || name) from users where len(tags) > 1
["ann", ["aann", "bann"]]
["dan", ["adan", "bdan", "cdan"]]
> select [x * 2 for x in [1, 2, 3] if x > 1], [upper(t) for t in tags] from users where _id = 1
[[4, 6], ["A", "B"]]
> select list_transform([[1, 2], [3]], l -> list_transform(l, x -> x + len(l)))
[[[3, 4], [4]]]
> select list_transform(list_value({'a': 1}, {'a': 2}), s -> s.a)
[[1, 2]]
> select list_filter(tags, x -> x = 1) from users
! types 'string' and 'int' are not equatable
> select list_transform([1], x -> y)
! column 'y' not found
> select list_transform([1], x -> (select 1))
! a lambda takes no aggregate, window or subquery
> select list_transform(marks, x -> sum(age)) from users
! a lambda takes no aggregate, window or subquery
> select list_transform([1], (x, y, z) -> x)
! a lambda of 1 or 2 names expected
> select list_transform([1], 2)
! 'list_transform' takes a list and a lambda
> select list_transform([0], x -> 1 / x)
! divisor is equal to zero

-- Structs.
> select {'a': 1, 'b': name} as s, struct_pack(x := age, y := p) as t from users where _id = 1
: s struct(a int, b string), t struct(x int, y decimal(2))
[{"a": 1, "b": "ann"}, {"x": 30, "y": 1.50}]
> select s.a, q.s.b, (s).a, s['b'], struct_extract(s, 'a'), struct_keys(s) from (select {'a': 1, 'b': name} as s from users where _id = 2) q
: a int, b string, a int, string, int, list(string)
[1, "bob", 1, "bob", 1, ["a", "b"]]
> select s.a.b from (select {'a': {'b': list_value(1, 2)}} as s) q
[[1, 2]]
> select list({'n': name, 'a': age}) from users where country = 'de'
: list(struct(n string, a int))
[[{"n": "ann", "a": 30}, {"n": "cid", "a": 50}]]
> select max(s).a from (select {'a': 1} as s) q
! an expression of type 'struct(a int)' cannot be passed to a parameter of type 'decimal'
> select s.nope from (select {'a': 1} as s) q
! field 'nope' not found in 'struct(a int)'
> select name.first from users
! a 'string' has no fields, so no 'first'
> select nope.first from users
! table or view 'nope' not found
> select {'a': 1, 'a': 2}
! field 'a' stands twice
> select cast(list_value(1, 2) as string), cast({'a': 'x'} as string), cast(list_value(2, 1, 2) as idset), cast(list_value('b', 'a') as stringset), typeof(list_value(1)), to_json({'a': list_value(1)})
["[1,2]", "{\"a\":\"x\"}", [1, 2], ["a", "b"], "list(int)", "{\"a\":[1]}"]
> select list_value(1) = list_value(1), {'a': 1} = {'a': 2}, tags = list_value('a', 'b') from users where _id = 1
[true, false, true]
> select {'a': null, 'b': list_value(null)}
[{"a": null, "b": [null]}]
> select {'a"b': 'c"d'}
[{"a\"b": "c\"d"}]

-- unnest(): a row of each.
> select _id, unnest(tags) from users where _id < 3
[1, "a"]
[1, "b"]
[2, "b"]
> select unnest([5, 6]) + 1
[6]
[7]
> select u._id, t.tag from users u, unnest(u.tags) as t(tag) order by 1, 2
[1, "a"]
[1, "b"]
[2, "b"]
[4, "a"]
[4, "b"]
[4, "c"]
> select u._id, x from users u left join unnest(u.marks) as t(x) on true where _id < 3 order by 1, 2
[1, 1]
[1, 3]
[2, null]
> select * from unnest(list_value('x', 'y')) with ordinality as t(v, place)
: v string, place int
["x", 1]
["y", 2]
> select tag, count(*), sum(age) from users u, unnest(u.tags) as t(tag) group by tag
["a", 2, 30]
["b", 3, 70]
["c", 1, null]
> select tag, count(*) from users u, unnest(u.tags) as t(tag) where tag in ('a', 'c') and age is null group by tag
["a", 1]
["c", 1]
> select count(*) from users u, unnest(u.tags) as t(tag)
[6]
> select unnest(age) from users
! an expression of type 'int' cannot be passed to a parameter of type 'list'
> select name from users group by unnest(tags)
! unnest() goes into FROM or is selected
> select sum(unnest(marks)) from users
! unnest() goes into FROM or is selected

-- Bitmaps select the records, and count members where those are groups.
> explain select tag, count(*) from users u, unnest(u.tags) as t(tag) where country = 'de' group by tag
[1, "bitmaps", "users: RowCounts(field='tags', filter=HasRow(field='country', rows=('de')))", 2, 2, 2]
> explain select u._id, tag from users u, unnest(u.tags) as t(tag) where tag = 'a' and age > 10
[1, "bitmaps", "users: ExtractRecords(fields=('tags'), filter=Intersect(operands=(InRange(field='age', low=11), HasRow(field='tags', rows=('a')))))", 2, 1, 1]
[2, "duckdb", "select", 2, 1, 1]
> explain select list_transform(tags, t -> t || name) from users where country = 'de'
[1, "bitmaps", "users: ExtractRecords(fields=('tags', 'name'), filter=HasRow(field='country', rows=('de')))", 2, 2, 2]
[2, "duckdb", "select", 2, 2, 2]
> explain select country, list(name) from users where age > 30 group by country
[1, "bitmaps", "users: ExtractRecords(fields=('country', 'name'), filter=InRange(field='age', low=31))", 3, 2, 2]
[2, "duckdb", "select", 3, 2, 2]

-- Lists side by side, and lists of another length.
> select list_zip([1, 2], ['a', 'b', 'c'])
[[{"c0": 1, "c1": "a"}, {"c0": 2, "c1": "b"}, {"c0": null, "c1": "c"}]]
> select list_transform(list_zip([1, 2], [3, 4]), p -> p.c0 * p.c1)
[[3, 8]]
> select list_resize([1, 2], 4), list_resize([1, 2], 1), list_resize([1, 2], 3, 9), list_resize([1], null), list_resize(['a'], 2, 'b')
[[1, 2, null, null], [1], [1, 2, 9], null, ["a", "b"]]
> select list_zip(1, [2])
! cannot be passed to a parameter of type 'list'
