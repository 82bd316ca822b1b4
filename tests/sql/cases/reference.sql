-- What the reference says and no other file asks: every unit of every function of times, windows,
-- sets of groups, ids in order, expressions in groups, operators on each type they refuse.
use shop.sql

-- Units.
> select datetimename('D', t), datetimename('HH', t), datetimename('MI', t), datetimename('S', t), datetimename('MS', t), datetimename('US', t), datetimename('NS', t), datetimename('W', t), datetimename('YD', t) from (select cast('2024-03-05T13:14:15.016017Z' as timestamp) as t) x
["5", "13", "14", "15", "16", "16017", "16017000", "10", "65"]
> select datetimeadd('HH', 25, t), datetimeadd('MI', -15, t), datetimeadd('S', 60, t), datetimeadd('MS', 1, t), datetimeadd('US', 2, t), datetimeadd('W', 1, t), datetimeadd('WD', 1, t), datetimeadd('YD', -1, t) from (select cast('2024-02-28T00:00:00Z' as timestamp) as t) x
["2024-02-29T01:00:00Z", "2024-02-27T23:45:00Z", "2024-02-28T00:01:00Z", "2024-02-28T00:00:00.001Z", "2024-02-28T00:00:00.000002Z", "2024-03-06T00:00:00Z", "2024-02-29T00:00:00Z", "2024-02-27T00:00:00Z"]
> select datetimediff('M', a, b), datetimediff('MI', a, b), datetimediff('S', a, b), datetimediff('US', a, b), datetimediff('NS', a, b), datetimediff('W', a, b), datetimediff('WD', a, b), datetimediff('YD', a, b) from (select cast('2024-01-31T00:00:00Z' as timestamp) as a, cast('2024-02-14T00:01:00Z' as timestamp) as b) x
[1, 20161, 1209660, 1209660000000, 1209660000000000, 2, 14, 14]
> select date_trunc('D', t), date_trunc('MI', t), date_trunc('US', t), date_trunc('NS', t), date_trunc('W', t), date_trunc('WD', t), date_trunc('YD', t) from (select cast('2024-03-05T13:14:15.016017Z' as timestamp) as t) x
["2024-03-05", "2024-03-05T13:14", "2024-03-05T13:14:15.016017", "2024-03-05T13:14:15.016017000", "2024-10", "2", "065"]
> select datetimepart('yy', null), datetimeadd('d', null, '2024-01-01'), datetimediff('s', null, '2024-01-01')
[null, null, null]

-- Windows.
> select _id, dense_rank() over (order by age), ntile(2) over (order by _id), lead(age) over (order by _id), lag(age, 2) over (order by _id), first_value(age) over (order by _id), last_value(age) over (order by _id rows between unbounded preceding and unbounded following) from shop where age is not null
[1, 3, 1, -5, null, 30, 1000]
[2, 1, 1, 30, null, 30, 1000]
[3, 3, 1, 0, 30, 30, 1000]
[4, 2, 2, 1000, -5, 30, 1000]
[1048577, 4, 2, null, 30, 30, 1000]
> select _id, sum(age) over (partition by label order by _id) from shop where label is not null
[1, 30]
[2, -5]
[3, 60]
[1048577, 1000]
> select row_number()
! 'row_number' needs a window

-- Sets of groups, and orders.
> select label, active, count(*) from shop where label in ('x', 'y') group by cube (label, active) order by 1, 2, 3
["x", true, 2]
["x", null, 2]
["y", false, 1]
["y", null, 1]
[null, false, 1]
[null, true, 2]
[null, null, 3]
> select _id, label from shop order by label nulls first, _id limit 3
[4, null]
[9, null]
[1, "x"]
> select a._id, b._id from shop a join shop b using (label) where a._id < b._id
[1, 3]

-- Ids in order: ranges, pages, look-ups.
> select _id from shop where _id > 3
[4]
[9]
[1048577]
> select _id from shop where _id >= 2 and _id < 9 order by _id
[2]
[3]
[4]
> select _id from shop where _id between 3 and 1048576
[3]
[4]
[9]
> select _id from shop where _id not between 2 and 1048576
[1]
[1048577]
> select _id from shop where _id > 2 order by _id limit 2
[3]
[4]
> select _id from shop where _id > 4 order by _id limit 2
[9]
[1048577]
> select count(*) from shop where _id > 2.5 and _id <= 1e6
[3]
> select count(*), sum(age) from shop where not _id > 3
[3, 55]
> select _id from shop where _id > null
> delete from shop where _id > 2000000
> select count(*) from shop where _id < 18446744073709551615
[6]

-- Rows in order.
> select _id from shop where label > 'x' order by _id
[2]
[1048577]
> select _id from shop where not label < 'y'
[2]
[1048577]
> select _id from shop where kind >= 20
[2]
[4]
> select _id from shop where kind < 15.5 and label <= 'x'
[1]
[3]

-- Groups by expressions, and sums of them.
> select datetimepart(yy, born) as y, count(*), sum(age) from shop group by y order by y
: y int, int, int
[1969, 1, -5]
[2000, 2, 60]
[null, 3, 1000]
> select date_trunc(yy, born) as y, avg(age), min(age), max(price) from shop group by y order by y
: y string, decimal(4), int, decimal(2)
["1969", -5.0000, -5, -0.50]
["2000", 30.0000, 30, 100.00]
[null, 500.0000, 0, 0.01]
> select upper(label) as l, count(*), count(age) from shop group by l order by l
["X", 2, 2]
["Y", 1, 1]
["Z", 1, 1]
[null, 2, 1]
> select sum(age - kind), sum(2 * age + 1), sum(price * age), sum(-price) from shop where label in ('x', 'y')
: int, int, decimal(2), decimal(2)
[15, 113, 3392.20, -112.49]
> select sum(age + 1) from shop where age is null
[null]
> select label, sum(price * kind) as s from shop group by label having sum(price * kind) > 0 order by s desc
["x", 1129.90]
> select count(*) from shop where datetimepart(yy, born) = 2000
[2]
> select count(*) from shop where datetimepart(yy, born) <> 2000
[1]
> select count(*) from shop where datetimepart(yy, born) between 1969 and 1999
[1]
> select label, count(*) from shop where datetimepart(m, born) = 12 group by label
["y", 1]

-- Operators and the types that they refuse.
> select born + 1 from shop
! [1:8] operator '+' incompatible with type 'timestamp'
> select colour * 2 from shop
! operator '*' incompatible with type 'idset'
> select active - 1 from shop
! operator '-' incompatible with type 'bool'
> select tags || 'x' from shop
! operator '||' incompatible with type 'stringset'
> select price << 1 from shop
! operator '<<' incompatible with type 'decimal(2)'
> select ~price from shop
! operator '~' incompatible with type 'decimal(2)'
> select * from shop where colour > [1]
! operator '>' incompatible with type 'idset'
> select * from shop where active < true
! operator '<' incompatible with type 'bool'
> select * from shop where born = 5
! types 'timestamp' and 'int' are not equatable
> select * from shop where label = 5
! types 'string' and 'int' are not equatable
> select * from shop where age like '1%'
! operator 'LIKE' incompatible with type 'int'
> select * from shop where age and active
! operator 'AND' incompatible with type 'int'
> select * from shop where not label
! operator 'NOT' incompatible with type 'string'
> select reverse(null), null + 1, upper(null), len(null), null || null, - null
[null, null, null, null, null, null]
> select kind & 12, kind | 1, kind >> 1, age % 7 from shop where _id in (1, 2)
[8, 11, 5, 2]
[4, 21, 10, -5]

-- Statements.
> create table noted (_id id, a int) comment 5
! string expression expected
> create table noted (_id id, a int) with comment 'it''s' keypartitions 12
> show create table noted
["create table noted (_id id, a int) comment 'it''s';"]
> select * from noted with (nothing(a))
! unknown query hint 'nothing'
> select top(2) _id from shop
[1]
[2]
> select top 2 _id from shop order by _id desc
[1048577]
[9]
> select top(1) _id from shop limit 1
! TOP and LIMIT cannot be used at the same time
> select x from (select 1 as x) q, (select 2 as y) r
[1]
> insert into noted values (1, 9223372036854775808)
! [1:30] inserting value into column 'a', row 1, value '9223372036854775808' out of range
> insert into noted (_id, a) values (1, 1), (2, 'x')
! [1:47] an expression of type 'string' cannot be assigned to type 'int'
> select count(*) from noted
[0]
