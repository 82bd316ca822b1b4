-- EXPLAIN of what writes says what would be read and written, and does neither.
+ create table t (_id id, a int, s string, tags stringset, q idsetq timequantum 'YMD')
+ insert into t values (1, 1, 'x', ['m'], [1]), (2, 5, 'y', null, null), (3, null, 'x', ['m', 'n'], null)
> explain insert into t (_id, a) values (1, 2), (9, 4)
: step int, by string, what string, estimated int, records int, rows int
[1, "write", "t: upsert (_id, a)", 2, null, null]
> explain insert into t (_id, a) select _id + 100, a from t where a > 2
[1, "bitmaps", "t: ExtractRecords(fields=('a'), filter=InRange(field='a', low=3))", 1, null, null]
[2, "duckdb", "select", 1, null, null]
[3, "write", "t: upsert (_id, a)", 1, null, null]
> explain replace into t (_id, a) values (1, 7)
[1, "write", "t: replace (_id, a)", 1, null, null]
> explain delete from t where s = 'x'
[1, "bitmaps", "t: CountRecords(filter=HasRow(field='s', rows=('x')))", 2, null, null]
[2, "bitmaps", "t: ExtractRecords(fields=(), filter=HasRow(field='s', rows=('x')))", 2, null, null]
[3, "write", "t: delete", 2, null, null]
> explain update t set a = a + 1, tags = null where s = 'x'
[1, "bitmaps", "t: ExtractRecords(fields=('a'), filter=HasRow(field='s', rows=('x')))", 2, null, null]
[2, "duckdb", "select", 2, null, null]
[3, "bitmaps", "t: ExtractRecords(fields=('a', 'tags')) of these records", 2, null, null]
[4, "write", "t: clear and upsert (a, tags)", 2, null, null]
> explain copy t to u
[1, "bitmaps", "t: ExtractRecords(fields=('a', 's', 'tags', 'q')) in pages", 3, null, null]
[2, "write", "u: create and upsert (_id, a, s, tags, q)", 3, null, null]
> explain plan delete from t
[1, "bitmaps", "t: CountRecords()", 3, null, null]
[2, "bitmaps", "t: ExtractRecords(fields=())", 3, null, null]
[3, "write", "t: delete", 3, null, null]
> explain insert into t (_id, a) values (1, 'x')
! an expression of type 'string' cannot be assigned to type 'int'
> explain update t set nope = 1
! column 'nope' not found
> explain copy t to t
! table or view 't' already exists
> explain drop table t
! unexpected 'drop'
> select * from t
[1, 1, "x", ["m"], [1]]
[2, 5, "y", null, null]
[3, null, "x", ["m", "n"], null]
> select * from u
! table or view 'u' not found
