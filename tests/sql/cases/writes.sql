-- INSERT, REPLACE, UPDATE, DELETE, COPY, and what each refuses.
+ create table t (_id id, n int min -10 max 100, p decimal(2), s string, i id, tags stringset, ids idset, ok bool, at timestamp timeunit 'ms', q idsetq timequantum 'YMD')

> insert into t values (1, 5, 1.5, 'a', 7, ['x', 'y'], [1], true, '2024-01-01T00:00:00.5Z', {'2024-05-06', [3]})
> select * from t
[1, 5, 1.50, "a", 7, ["x", "y"], [1], true, "2024-01-01T00:00:00.5Z", [3]]

-- An existing record is updated: sets gain members, the rest is replaced, null leaves it as it is.
> insert into t (_id, n, tags, s) values (1, 6, ['z'], null)
> select n, s, tags, i from t where _id = 1
[6, "a", ["x", "y", "z"], 7]
> replace into t (_id, n) values (1, 8)
> select * from t
[1, 8, null, null, null, null, null, null, null, null]
> insert into t (n, _id) values (1, 2), (2, 3), (3, 2)
> select _id, n from t
[1, 8]
[2, 3]
[3, 2]
> insert into t (_id, n, p) values (4, 2 + 3, 7), (5, -10, -0.01)
> insert into t (_id, at, q) values (6, 1704067200500, {1704067200, [9]}), (7, '2024-01-01', [4])
> select _id, p, at, q from t where _id >= 4
[4, 7.00, null, null]
[5, -0.01, null, null]
[6, null, "2024-01-01T00:00:00.5Z", [9]]
[7, null, "2024-01-01T00:00:00Z", [4]]
> select _id from t where rangeq(q, '2024-01-01', '2024-01-02')
[6]
> insert into t (_id, s) values (8, upper('abc') || '!')
> select s from t where _id = 8
["ABC!"]
> insert into t (_id, n) select _id + 100, n from t where n > 2
> select _id, n from t where _id > 100
[101, 8]
[102, 3]
[104, 5]

> insert into t (_id, n) values (1, 101)
! inserting value into column 'n', row 1, value '101' out of range
> insert into t (_id, n) values (1, 1), (2, -11)
! inserting value into column 'n', row 2, value '-11' out of range
> insert into t (_id, n) values (-1, 1)
! inserting value into column '_id', row 1, value '-1' out of range
> insert into t (_id, i) values (1, -1)
! inserting value into column 'i', row 1, value '-1' out of range
> insert into t (_id, n) values ('x', 1)
! an expression of type 'string' cannot be assigned to type 'id'
> insert into t (_id, n) values (1, 'x')
! an expression of type 'string' cannot be assigned to type 'int'
> insert into t (_id, n) values (1, 1.5)
! an expression of type 'decimal(1)' cannot be assigned to type 'int'
> insert into t (_id, p) values (1, 1.555)
! an expression of type 'decimal(3)' cannot be assigned to type 'decimal(2)'
> insert into t (_id, s) values (1, 5)
! an expression of type 'int' cannot be assigned to type 'string'
> insert into t (_id, ok) values (1, 1)
! an expression of type 'int' cannot be assigned to type 'bool'
> insert into t (_id, tags) values (1, [1])
! an expression of type 'idset' cannot be assigned to type 'stringset'
> insert into t (_id, tags) values (1, 'x')
! an expression of type 'string' cannot be assigned to type 'stringset'
> insert into t (_id, tags) values (1, [])
! set literal must contain at least one member
> insert into t (_id, tags) values (1, {'2024-01-01', ['x']})
! an expression of type 'stringset' cannot be assigned to type 'stringset'
> insert into t (_id, at) values (1, 'x')
! unable to convert 'x' to type 'timestamp'
> insert into t (_id, at) values (1, true)
! an expression of type 'bool' cannot be assigned to type 'timestamp'
> insert into t (_id, n) values (null, 1)
! a null value cannot be inserted into '_id'
> insert into t (n) values (1)
! insert column list must have '_id' column specified
> insert into t (_id) values (1)
! insert column list must have at least one non '_id' column specified
> insert into t (_id, n) values (1)
! mismatch in the count of expressions and target columns
> insert into t values (1, 2)
! mismatch in the count of expressions and target columns
> insert into t (_id, nope) values (1, 2)
! column 'nope' not found
> insert into t (_id, n, n) values (1, 2, 3)
! duplicate column 'n'
> insert into nope (_id, n) values (1, 2)
! [1:13] table or view 'nope' not found
> insert into t (_id, n) values (1, n)
! column 'n' not found
> insert into t (_id, n) values (1, 1 / 0)
! divisor is equal to zero
-- A statement that is refused has written nothing.
> select count(*), sum(n) from t where _id = 1 or _id = 2
[2, 11]

-- UPDATE.
+ insert into t (_id, tags, ids) values (2, ['a', 'b'], [1, 2])
> update t set n = n + 1, tags = ['c'], s = 'new', p = 3, at = '2024-02-02' where _id = 2
> select n, tags, s, p, at, ids from t where _id = 2
[4, ["c"], "new", 3.00, "2024-02-02T00:00:00Z", [1, 2]]
> update t set n = null, tags = null, s = null, at = null where _id = 2
> select n, tags, s, p, at, ids from t where _id = 2
[null, null, null, 3.00, null, [1, 2]]
> update t set n = 101 where _id = 2
! inserting value into column 'n', row 1, value '101' out of range
> update t set n = 'x' where _id = 2
! an expression of type 'string' cannot be assigned to type 'int'
> update t set nope = 1
! column 'nope' not found
> update t set n = 1, n = 2
! duplicate column 'n'
> update t set n = 1 where nope = 2
! column 'nope' not found

-- COPY, DELETE.
> copy t to u
> select count(*), sum(n) from u
[11, 21]
> copy t to u
! table or view 'u' already exists
> delete from u where n > 2 and not setcontains(ids, 9)
> delete from u where n > 5
> select _id, n from u where n is not null
[3, 2]
[4, 5]
[5, -10]
[102, 3]
[104, 5]
> delete from u
> select count(*) from u
[0]
> delete from nope
! table or view 'nope' not found
> delete from t where n = 'x'
! types 'int' and 'string' are not equatable

-- A literal is what it means in its column, also in a SELECT and in SET; what is computed is not.
+ create table lit (_id id, at timestamp timeunit 's' epoch '2020-01-01', e vector(2), s string, n int)
> insert into lit (_id, at, e) select 1, '2023-01-01', [1, 2]
> insert into lit (_id, at) select 2, 60
> insert into lit (_id, e) select 3, [1.5, 2]
> insert into lit (_id, s, n) values (4, '2023-01-01', 5)
> update lit set at = 61 where _id = 4
> update lit set e = [3, 4] where _id = 4
> select _id, at, e from lit
[1, "2023-01-01T00:00:00Z", [1, 2]]
[2, "2020-01-01T00:01:00Z", null]
[3, null, [1.5, 2]]
[4, "2020-01-01T00:01:01Z", [3, 4]]
> insert into lit (_id, at) select 5, s from lit where _id = 4
! [1:37] an expression of type 'string' cannot be assigned to type 'timestamp'
> insert into lit (_id, at) select 5, n from lit where _id = 4
! an expression of type 'int' cannot be assigned to type 'timestamp'
> insert into lit (_id, at) select 5, 'x'
! [1:37] unable to convert 'x' to type 'timestamp'
> insert into lit (_id, at) select 1, '2023-01-01' union select 2, '2023-01-01'
! an expression of type 'string' cannot be assigned to type 'timestamp'
> update lit set _id = 7
! column '_id' cannot be changed

-- The ends of 64 bits.
+ create table ends (_id id, d decimal(2) min -92233720368547758.08, n int, f decimal(18))
> insert into ends values (1, -92233720368547758.08, -9223372036854775808, -9.223372036854775808), (2, 92233720368547758.07, 9223372036854775807, 9.223372036854775807)
> select d, n, f from ends
[-92233720368547758.08, -9223372036854775808, -9.223372036854775808]
[92233720368547758.07, 9223372036854775807, 9.223372036854775807]
> select _id from ends where d = -92233720368547758.08 and d < -92233720368547758.07
[1]
> select -92233720368547758.08, cast(-92233720368547758.08 as string)
[-92233720368547758.08, "-92233720368547758.08"]
> insert into ends (_id, d) values (3, -92233720368547758.09)
! value '-92233720368547758.09' out of range
> insert into ends (_id, d) values (3, 92233720368547758.08)
! value '92233720368547758.08' out of range

-- A cast to varchar(n) cuts, an assignment does not.
> select cast('abcdef' as varchar(3)), cast(12345 as varchar(2)), cast(null as varchar(3)), cast('größer' as varchar(3))
: varchar(3), varchar(2), varchar(3), varchar(3)
["abc", "12", null, "grö"]
> select cast('a' as varchar(0))
! value '0' out of range
