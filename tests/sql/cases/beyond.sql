-- What SELECT knows beyond the reference: clauses, joins, windows, set operations.
use shop.sql
+ create table users (_id id, name string, country string, age int)
+ insert into users values (1, 'ann', 'de', 30), (2, 'bob', 'fr', 40), (3, 'cid', 'de', 50), (4, 'dan', null, null)
+ create table orders (_id id, user_id int, total decimal(2), tags stringset, at timestamp)
+ insert into orders values
+   (1, 1, 10.00, ['a'], '2024-01-01'), (2, 1, 5.50, ['b'], '2024-01-02'),
+   (3, 2, 7.25, ['a', 'b'], '2024-01-03'), (4, 9, 1.00, null, '2024-01-04')

-- What stands for columns.
> select * exclude (age) replace (upper(name) as name) rename (country as land) from users where _id = 1
: _id id, name string, land string
[1, "ANN", "de"]
> select u.* exclude (name), o.total from users u join orders o on u._id = o.user_id where o._id = 3
: _id id, country string, age int, total decimal(2)
[2, "fr", 40, 7.25]
> select columns('^(n|a)') from users where _id = 2
! a pattern of COLUMNS is made of
> select columns('^n|^a') from users where _id = 2
: name string, age int
["bob", 40]
> select columns('zzz') from users
! no column matches 'zzz'
> select * exclude (nope) from users
! column 'nope' not found
> from users select name where age > 30
["bob"]
["cid"]
> from users where _id = 4
[4, "dan", null, null]

-- DISTINCT ON keeps the first of its order.
> select distinct on (country) country, name from users order by country, age desc
["de", "cid"]
["fr", "bob"]
[null, "dan"]
> select distinct on (country) name from users
["ann"]
["bob"]
["dan"]
> explain select distinct on (country) name from users where age > 30
[1, "bitmaps", "users: ExtractRecords(fields=('name', 'country'), filter=InRange(field='age', low=31))", 3, 2, 2]
[2, "duckdb", "select", 3, 2, 2]
> select distinct on (country) count(*) from users
! DISTINCT ON goes with records, not with groups

-- Groups of groups.
> select country, grouping(country), count(*) from users group by rollup (country) order by 2, 1
: country string, int, int
["de", 0, 2]
["fr", 0, 1]
[null, 0, 1]
[null, 1, 4]
> select country, age, grouping(country, age) as g, count(*) from users where age > 30 group by grouping sets ((country, age), (country), ())
["de", 50, 0, 1]
["de", null, 1, 1]
["fr", 40, 0, 1]
["fr", null, 1, 1]
[null, null, 3, 2]
> select country, age > 35 as old, name, count(*) from users where _id < 3 group by country, rollup (old), cube (name) order by all
["de", false, "ann", 1]
["de", false, null, 1]
["de", null, "ann", 1]
["de", null, null, 1]
["fr", true, "bob", 1]
["fr", true, null, 1]
["fr", null, "bob", 1]
["fr", null, null, 1]
> select country, count(*), sum(age) from users group by all
["de", 2, 80]
["fr", 1, 40]
[null, 1, null]
> select count(*) from users where age > 99 group by grouping sets ((), (country))
[0]
> select grouping(age) from users group by country
! grouping() takes keys of GROUP BY
> explain select label, active, count(*), sum(age) from shop where price > 0 group by rollup (label, active)
[1, "bitmaps", "shop: RowCounts(field='label')", 6, 4, 3]
[2, "bitmaps", "shop: RowCounts(field='active')", 6, 4, 2]
[3, "bitmaps", "shop: CountRecords(filter=Not(operand=HasValue(field='label')))", 2, 2, 1]
[4, "bitmaps", "shop: CountRecords(filter=Intersect(operands=(InRange(field='price', low=1), Not(operand=HasValue(field='label')))))", 1, 0, 1]
[5, "bitmaps", "shop: CountRecords(filter=Not(operand=HasValue(field='active')))", 2, 2, 1]
[6, "bitmaps", "shop: CountRecords(filter=Intersect(operands=(InRange(field='price', low=1), Not(operand=HasValue(field='active')))))", 1, 0, 1]
[7, "bitmaps", "shop: GroupRecords(keys=(GroupKey(field='label'), GroupKey(field='active')), filter=InRange(field='price', low=1), measures=(Measure(kind='sum', field='age')))", 4, 3, 2]
[8, "duckdb", "select", 2, 2, 5]

-- Joins.
> select name, tag from users natural join (select 'de' as country, 'x' as tag) q order by name
["ann", "x"]
["cid", "x"]
> select name from users natural join (select 1 as nothing) q
! NATURAL JOIN finds no column that both sides have
> select u.name, o.total from users u asof join orders o on u._id >= o.user_id order by u._id
["ann", 10.00]
["bob", 7.25]
["cid", 7.25]
["dan", 7.25]
> select u.name, o.total from users u asof left join orders o on u._id = o.user_id and u.age >= o._id * 10 order by u._id
["ann", 5.50]
["bob", 7.25]
["cid", null]
["dan", null]
> select u.name from users u asof join orders o on u._id = o.user_id
! ASOF JOIN takes equal columns and one comparison
> select u.name, o.total from users u positional join orders o
["ann", 10.00]
["bob", 5.50]
["cid", 7.25]
["dan", 1.00]
> select k, x.a, y.b from (values (1, 'p'), (2, 'q')) x(k, a) full join (values (2, 'r'), (3, 's')) y(k, b) using (k) order by k
: k int, a string, b string
[1, "p", null]
[2, "q", "r"]
[3, null, "s"]
> select k from (values (1)) x(k) right join (values (2)) y(k) using (k)
[2]
> select * from (values (1, 'p')) x(k, a) right join (values (1, 's')) y(k, b) using (k)
: a string, k int, b string
["p", 1, "s"]

-- LATERAL: a query for each record before it.
> select u.name, l.t, l.n from users u, lateral (select sum(total) as t, count(*) as n from orders o where o.user_id = u._id) l
["ann", 15.50, 2]
["bob", 7.25, 1]
["cid", null, 0]
["dan", null, 0]
> select u.name, l.total from users u left join lateral (select total from orders o where o.user_id = u._id order by total desc limit 1) l on true order by u.name
["ann", 10.00]
["bob", 7.25]
["cid", null]
["dan", null]
> select u.name, l.total from users u join (select total, user_id from orders o where o.user_id = u._id) l on l.total > 6 order by 2
["bob", 7.25]
["ann", 10.00]
> select u.name, a.x, b.y from users u, lateral (select u.age + 1 as x) a, lateral (select a.x * 2 as y) b where u._id < 3
["ann", 31, 62]
["bob", 41, 82]
> select u.name, l.t from users u right join lateral (select u.age as t) l on true
! goes after CROSS, INNER or LEFT JOIN
> select u.name, l.t from users u, lateral (select sum(x.total) as t from orders x where x.user_id = u.nope) l
! column 'nope' not found
> explain select u.name, l.t from users u, lateral (select sum(total) as t from orders o where o.user_id = u._id and total > 2) l where u.name = 'ann'
[1, "bitmaps", "users: ExtractRecords(fields=('name'), filter=HasRow(field='name', rows=('ann')))", 1, 1, 1]
[2, "bitmaps", "users: CountRecords(filter=HasRow(field='name', rows=('ann')))", 1, 1, 1]
[3, "bitmaps", "orders: CountRecords(filter=InRange(field='total', low=201))", 4, 3, 1]
[4, "bitmaps", "orders: ExtractRecords(fields=('user_id', 'total'), filter=InRange(field='total', low=201))", 4, 3, 3]
[5, "duckdb", "select", 5, 4, 1]

-- Rows written out, and numbers in a row.
> values (1, 'a'), (2.5, null)
: col0 decimal(1), col1 string
[1.0, "a"]
[2.5, null]
> select x, count(*) from (values (1, 'a'), (2, 'b'), (1, 'c')) as v(x, y) group by x order by x
[1, 2]
[2, 1]
> select u.name, v.y from users u join (values (1, 'one'), (3, 'three')) v(x, y) on u._id = v.x order by 1
["ann", "one"]
["cid", "three"]
> values (1, 2), (3)
! 2 values in one row and 1 in another
> values (1), ('a')
! types 'int' and 'string' are not equatable
> select sum(i), min(i), max(i) from range(2, 11, 3) r(i)
[15, 2, 8]
> select i from generate_series(3) g(i)
[0]
[1]
[2]
[3]
> select count(*) from range(1000000000000)
! [1:22] range() makes at most 1,000,000 numbers
> select len(generate_series(1, 10000000))
! generate_series() makes at most 1,000,000 numbers
> select count(*) from range(1, 5, 0)
! range() makes at most

-- Windows.
> select name, sum(age) over w, avg(age) over (w rows between 1 preceding and current row exclude current row) from users window w as (order by _id)
["ann", 30, null]
["bob", 70, 30.0000]
["cid", 120, 40.0000]
["dan", 120, 50.0000]
> select at, count(*) over (order by at range between interval 1 day preceding and current row) from orders
["2024-01-01T00:00:00Z", 1]
["2024-01-02T00:00:00Z", 2]
["2024-01-03T00:00:00Z", 2]
["2024-01-04T00:00:00Z", 2]
> select total, count(*) over (order by total range between 2.5 preceding and 2.5 following) as near, sum(total) over (order by total groups between 1 preceding and 1 following exclude ties) from orders order by total
[1.00, 1, 6.50]
[5.50, 2, 13.75]
[7.25, 2, 22.75]
[10.00, 1, 17.25]
> select lag(age ignore nulls) over (order by _id desc) as a, lag(age, 1, 0) over (order by _id) as b, nth_value(name, 2) over (order by _id) as c, last_value(age ignore nulls) over (order by _id) as d from users
[40, 0, null, 30]
[50, 30, "bob", 40]
[null, 40, "bob", 50]
[null, 50, "bob", 50]
> select name, percent_rank() over (order by _id), cume_dist() over (order by _id) from users where _id > 2
: name string, double, double
["cid", 0, 0.5]
["dan", 1, 1]
> select count(*) filter (where age > 30) over (partition by country) from users where country = 'de'
[1]
[1]
> select sum(age) over nope from users
! window 'nope' not found
> select sum(age) over (w order by name) from users window w as (order by _id)
! window 'w' has a partition, an order or a frame already
> select sum(age) over (order by name range between 1 preceding and current row) from users
! RANGE with a distance needs an ORDER BY of one number or timestamp

-- Set operations.
> select name, age from users where _id = 1 union all by name select 50 as age, 'x' as land order by age
: name string, age int, land string
["ann", 30, null]
[null, 50, "x"]
> select 1 as a union by name select 2 as a union by name select 3 as b order by a nulls first
[null, 3]
[1, null]
[2, null]
> select 1 union by name select 2
! BY NAME needs columns with names
> select country from users intersect all select country from users where age > 40
["de"]
> select country from users except all select 'de' order by 1
["de"]
["fr"]
[null]
> select x from (select name as x from users union select country from users) q where x like 'd%' order by x
["dan"]
["de"]
> explain select x from (select name as x from users union all select country from users) q where x = 'de'
[1, "bitmaps", "users: ExtractRecords(fields=('name'), filter=HasRow(field='name', rows=('de')))", 0, 0, 0]
[2, "bitmaps", "users: ExtractRecords(fields=('country'), filter=HasRow(field='country', rows=('de')))", 2, 2, 2]
[3, "duckdb", "select", 2, 2, 2]

-- Conditions on a query go inside it, if they are about its groups.
> explain select * from (select country, corr(age, age) as c from users group by country) q where country = 'de'
[1, "bitmaps", "users: ExtractRecords(fields=('country', 'age'), filter=HasRow(field='country', rows=('de')))", 2, 2, 2]
[2, "duckdb", "select", 2, 2, 1]
> select * from (select country, count(*) as n from users group by country) q where country = 'de' and n > 1
["de", 2]
> select * from (select country, count(*) as n from users group by country order by n desc limit 1) q where country = 'fr'
> select * from (select name, row_number() over (order by _id) as r from users) q where name = 'bob'
["bob", 2]

-- Recursion.
> with recursive up(i, name) as (select _id, name from users where _id = 1 union all select u._id, u.name from up join users u on u._id = up.i + 1 where up.i < 3) select name from up order by i
["ann"]
["bob"]
["cid"]

-- Tests, casts, periods.
> select name from users where name ilike 'A%' or country is not distinct from null
["ann"]
["dan"]
> select name from users where (age > 35) is not true
["ann"]
["dan"]
> select 'abc' similar to 'a.c', try_cast('x' as int), '12'::int, cast(1.5 as double), 2 ** 3
[true, null, 12, 1.5, 8]
> select at + interval 1 month, at - interval '2 days', extract(month from at), time_bucket(interval 1 week, at) from orders where _id = 1
["2024-02-01T00:00:00Z", "2023-12-30T00:00:00Z", 1, "2024-01-01T00:00:00Z"]
> select _id from orders where at < cast('2024-01-05' as timestamp) - interval 2 days
[1]
[2]
> explain select count(*) from orders where at < cast('2024-01-05' as timestamp) - interval 2 days
[1, "duckdb", "select", 0, 0, 1]
[2, "bitmaps", "orders: CountRecords(filter=InRange(field='at', high=1704239999))", 3, 2, 1]
> select name from users fetch first 2 rows only
["ann"]
["bob"]

-- EXPLAIN PLAN asks for no more than counts.
> explain plan select upper(name) from users where age in (select age from users where country = 'de') and country = 'de'
[1, "bitmaps", "users: ExtractRecords(fields=('name'), filter=Intersect(operands=(InValues(field='age', values=(30, 50)), HasRow(field='country', rows=('de')))))", 1, null, null]
[2, "duckdb", "select", 1, null, null]
> explain analyze select count(*) from users where age > 30
[1, "bitmaps", "users: CountRecords(filter=InRange(field='age', low=31))", 3, 2, 1]

-- Refused as ever.
> select * from users tablesample 5
! is not a table or view
> select name from users limit 10 percent
! LIMIT takes a whole number
