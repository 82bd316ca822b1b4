-- Aggregates over all records and by groups.
use shop.sql

> select count(*), count(age), count(distinct age), count(_id), count(distinct tags) from shop
: int, int, int, int, int
[6, 5, 4, 6, 3]
> select sum(age), avg(age), min(age), max(age) from shop
: int, decimal(4), int, int
[1055, 211.0000, -5, 1000]
> select sum(price), avg(price), min(price), max(price) from shop
: decimal(2), decimal(4), decimal(2), decimal(2)
[112.50, 28.1250, -0.50, 100.00]
> select min(born), max(logged), min(label), max(label), max(kind) from shop
["1969-12-31T23:59:59Z", "2024-05-06T10:00:00.25Z", "x", "z", 30]
> select sum(age), avg(price), min(label), max(born), count(age) from shop where _id = 9
[null, null, null, null, 0]
> select count(*) from shop where false
[0]
> select percentile(age, 50), percentile(price, 0), percentile(age, 100), percentile(age, 99.9) from shop
: int, decimal(2), int, int
[30, -0.50, 1000, 1000]
> select var(age) from shop where _id < 4
: decimal(6)
[272.222222]
> select corr(age, age), corr(age, price) from shop where _id < 4
: decimal(6), decimal(6)
[1.000000, 0.603249]
> select count(*) filter (where active), sum(age) filter (where label = 'x') from shop
[2, 60]
> select sum(kind), avg(kind) from shop
[70, 17.5000]
> select sum(age) + count(*), max(age) - min(age) as spread from shop
: int, spread int
[1061, 1005]
> select sum(age + 1), sum(price * 2), max(upper(label)) from shop
[1060, 225.00, "Z"]
> select sum(distinct age) from shop
[1025]

-- Groups: null is a group of its own.
> select kind, count(*) from shop group by kind
: kind id, int
[10, 2]
[20, 1]
[30, 1]
[null, 2]
> select label, count(*) as n, sum(price), avg(age), min(age), max(price), count(price), count(distinct colour) from shop group by label
["x", 2, 112.99, 30.0000, 30, 100.00, 2, 3]
["y", 1, -0.50, -5.0000, -5, -0.50, 1, 1]
["z", 1, 0.01, 1000.0000, 1000, 0.01, 1, 1]
[null, 2, null, 0.0000, 0, null, 0, 0]
> select active, kind, count(*) from shop group by active, kind
[false, 20, 1]
[false, null, 1]
[true, 10, 2]
[null, 30, 1]
[null, null, 1]
> select age, count(*) from shop where age > 0 group by age
[30, 2]
[1000, 1]
> select price, count(*) from shop group by price order by price desc limit 2
[100.00, 1]
[12.99, 1]
> select born, count(*) from shop group by 1
["1969-12-31T23:59:59Z", 1]
["2000-01-01T00:00:00Z", 2]
[null, 3]
> select count(*) from shop group by label having count(*) > 1 order by 1
[2]
[2]
> select label as l, count(*) as n from shop group by l having n = 1 order by l desc
["z", 1]
["y", 1]
> select label, sum(age) from shop where label is not null group by label order by sum(age) desc
["z", 1000]
["x", 60]
["y", -5]
> select upper(label), count(*) from shop group by upper(label) order by 2 desc, 1
["X", 2]
[null, 2]
["Y", 1]
["Z", 1]
> select label, count(*) * 10 + 1 from shop group by label order by label
["x", 21]
["y", 11]
["z", 11]
[null, 21]
> select count(*) from shop having count(*) > 100
> select kind from shop group by kind having max(age) >= 30 order by kind
[10]
[null]
> select 1, count(*) from shop where label = 'nope' group by label
> select label, var(age) from shop group by label having var(age) is not null order by label
["x", 0.000000]
["y", 0.000000]
["z", 0.000000]
[null, 0.000000]
> select count(*), label from shop group by label, age order by label, age limit 2
[2, "x"]
[1, "y"]

-- Sets: as a whole, or by member with FLATTEN.
> select colour, count(*) from shop group by colour order by 2 desc limit 1
[[1], 2]
> select colour, count(*) from shop with (flatten(colour)) group by colour
[1, 3]
[2, 1]
[3, 1]
> select tags, count(*), sum(age) from shop with (flatten(tags)) group by tags
["a b", 1, 30]
["blue", 2, 25]
["red", 2, 1030]
> select tags, active, count(*) from shop with (flatten(tags)) where age < 1000 group by tags, active order by tags, active
["a b", true, 1]
["blue", false, 1]
["blue", true, 1]
["red", true, 1]
> select distinct tags from shop with (flatten(tags))
["a b"]
["blue"]
["red"]
> select _id, colour from shop with (flatten(colour)) where setcontains(colour, 2) order by colour
[1, 1]
[1, 2]
> select count(distinct colour) from shop
[3]

-- Sets of groups.
> select active, kind, count(*) from shop where active is not null group by grouping sets ((active), (kind), ()) order by 1, 2, 3
[false, null, 2]
[true, null, 2]
[null, 10, 2]
[null, 20, 1]
[null, null, 1]
[null, null, 4]
> select active, count(*) from shop where active is not null group by rollup (active) order by 1
[false, 2]
[true, 2]
[null, 4]

> select age, price from shop group by age
! [1:13] column 'price' invalid in select list because it is not aggregated or grouped
> select age, count(*) from shop
! [1:8] column 'age' invalid in select list because it is not aggregated or grouped
> select count(*) from shop order by age
! column 'age' invalid in select list because it is not aggregated or grouped
> select sum(label) from shop
! an expression of type 'string' cannot be passed to a parameter of type 'decimal'
> select sum(_id) from shop
! _id column cannot be used in aggregate function 'sum'
> select percentile(age, 101) from shop
! value '101' out of range
> select percentile(age, age) from shop
! literal expression expected
> select sum(count(*)) from shop
! aggregates cannot be nested
> select sum(age, price) from shop
! 'sum': count of formal parameters (1) does not match count of actual parameters (2)

-- The n greatest and least.
+ create table tops (_id id, g string, n int, s string)
+ insert into tops values (1, 'a', 5, 'x'), (2, 'a', 7, 'y'), (3, 'a', null, null), (4, 'b', null, 'z')
> select g, max(n, 2), min(n, 1), max(s, 1), max(n) from tops group by g order by g
: g string, list(int), list(int), list(string), int
["a", [7, 5], [5], ["y"], 7]
["b", null, null, ["z"], null]
> select max(n, 3) filter (where n < 6) from tops
[[5]]
> select max(n, 0) from tops
! [1:15] value '0' out of range
> select max(n, 10001) from tops
! value '10001' out of range
> select max(n, _id) from tops
! literal expression expected
