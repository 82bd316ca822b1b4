-- ANY, SOME and ALL; names that an alias gives to columns; GLOB, ~ and //.
+ create table t (_id id, a int, b int, s string, tags stringset, at timestamp, p decimal(2))
+ insert into t values (1, 1, 2, 'abc', ['x', 'y'], '2024-01-01', 1.5), (2, 5, null, 'abd', ['y'], '2024-01-02', 5), (3, null, 9, null, null, null, null)

-- Over the rows of a query.
> select _id from t where a > any (select 2)
[2]
> explain select _id from t where a > any (select b from t where b < 5)
[1, "bitmaps", "t: CountRecords(filter=InRange(field='b', high=4))", 1, 1, 1]
[2, "bitmaps", "t: ExtractRecords(fields=('b'), filter=InRange(field='b', high=4))", 1, 1, 1]
[3, "bitmaps", "t: CountRecords(filter=InRange(field='a', low=3))", 1, 1, 1]
[4, "bitmaps", "t: ExtractRecords(fields=(), filter=InRange(field='a', low=3))", 1, 1, 1]
> select _id from t where a >= all (select a from t where a is not null)
[2]
> select _id from t where a > all (select a from t where a < 5)
[2]
> select _id from t where a > all (select a from t)
> select _id from t where a > all (select a from t where a > 100)
[1]
[2]
[3]
> select _id from t where a > any (select a from t where a > 100)
> select _id from t where not a > any (select a from t where a > 100)
[1]
[2]
[3]
> select _id from t where not a > any (select null)
> select _id from t where a <> any (select a from t)
[1]
[2]
> select _id from t where a <> any (select 5)
[1]
> select _id from t where not a <> any (select 5)
[2]
> select _id from t where not a <> any (select a from t where a > 0)
> select _id from t where a <> all (select 5)
[1]
> select _id from t where a = all (select 5 union all select 5)
[2]
> select _id from t where s < some (select s from t)
[1]
> select _id, a > any (select 2), a = any (select 5), a < all (select 5) from t
[1, false, false, true]
[2, true, true, false]
[3, null, null, null]
> select _id from t where p > any (select a from t)
[1]
[2]
> select _id from t where a < any (select u.b from t u where u._id = t._id)
[1]
> select count(*) from t group by p > all (select 1) having count(*) > any (select 1)
[2]
> select s from t where s < any (select 3)
! [1:23] types 'string' and 'int' are not equatable
> select s from t where tags < any (select tags from t)
! incompatible with type 'stringset'
> select s from t where a > any (select a, b from t)
! a subquery here must select one column
> select at from t where at > any (select '2024-01-01')
! [1:41] types 'timestamp' and 'string' are not equatable
> select at from t where at in (select '2024-01-01')
! [1:38] types 'timestamp' and 'string' are not equatable
> select _id from t where '2024-01-02' < all (select at from t)

-- Over lists.
> explain select _id from t where a = any ([1, 5])
[1, "bitmaps", "t: CountRecords(filter=InValues(field='a', values=(1, 5)))", 1, 2, 1]
[2, "bitmaps", "t: ExtractRecords(fields=(), filter=InValues(field='a', values=(1, 5)))", 1, 2, 2]
> select _id from t where a > all ([1, 4])
[2]
> select _id, 'y' = any(tags), 'y' = all(tags), 'z' <> all(tags) from t
[1, true, false, true]
[2, true, true, true]
[3, null, null, null]
> select 3 > all (list_value(1, null)), 3 > any (list_value(1, null)), 0 > any (list_value(1, null)), 0 > all (list_value(1, null))
[null, true, null, false]
> select 1 = any(a) from t
! ANY and ALL take a query or a list, not a 'int'

-- An alias names columns anew, the first of them or all.
> select x, y from t as q(x, y) where y = 1
: x id, y int
[1, 1]
> select q.*, _id from t q(x), (select 1 as _id) z where q.a = 1
: x id, a int, b int, s string, tags stringset, at timestamp, p decimal(2), _id int
[1, 1, 2, "abc", ["x", "y"], "2024-01-01T00:00:00Z", 1.50, 1]
> explain select y, count(*) from t q(x, y) group by y
[1, "bitmaps", "t: CountRecords(filter=Not(operand=HasValue(field='a')))", 1, 1, 1]
[2, "bitmaps", "t: GroupRecords(keys=(GroupKey(field='a', includes_null=True)))", 3, 3, 3]
> select a from t q(x, y)
! column 'a' not found
> select member, count(*) from t q(i, n, m, k, member) with (flatten(tags)) group by member
["x", 1]
["y", 2]
> select n, m from (values (1, 'a'), (2, 'b')) v(n, m)
[1, "a"]
[2, "b"]
> select n, b from (select a, b from t) v(n) where n = 5
[5, null]
> with w as (select a, s from t) select n, m from w z(n, m) where n = 1
[1, "abc"]
> create view v as select a, s from t
> select n, m from v z(n, m) where n = 1
[1, "abc"]
> select x.n, y.n from t x(i, n) join t y(i, n) on x.i + 1 = y.i
[1, 5]
[5, null]
> select name from fb_table_ddl d(name, text) where text like 'create table t %'
["t"]
> select 1 from t q(x, x)
! [1:22] duplicate column 'x'
> select 1 from t q(x, s)
! duplicate column 's'
> select 1 from v q(x, y, z)
! [1:25] 'q' has 2 columns, not 3

-- Patterns and whole quotients.
> select s from t where s glob 'ab[cx]'
["abc"]
> select s from t where s not glob '*c'
["abd"]
> select s from t where s ~ '^ab.$' and not s ~ 'd'
["abc"]
> select ~5, 5 & ~1
[-6, 4]
> select a ~ 'x' from t
! operator '~' incompatible with type 'int'
> select a glob 'x' from t
! operator 'GLOB' incompatible with type 'int'
> select 'a' ~ '('
! [1:8] an expression cannot be evaluated with these values
> select 7 // 2, -7 // 2, a // 2 from t where _id = 2
[3, -3, 2]
> select a // 0 from t
! [1:8] divisor is equal to zero
> select p // 1 from t
! operator '//' incompatible with type 'decimal(2)'
