-- BULK INSERT from a text in the statement.
+ create table t (_id id, n int, p decimal(2), s string, tags stringset, at timestamp, ok bool)
> bulk insert into t (_id, n, p, s) map (0 id, 1 int, 2 decimal(2), 3 string) from x'1,10,1.5,"a, b"
>   2,-20,0.25,it''s
>   ' with batchsize 100000 format 'CSV' input 'INLINE'
> select _id, n, p, s from t
[1, 10, 1.50, "a, b"]
[2, -20, 0.25, "it's"]
> BULK INSERT INTO t (_id, s, n) MAP (2 ID, 0 STRING, 1 INT) FROM x'name,n,id
>   x,,3
>   ,NULL,4' WITH INPUT 'INLINE' CSV_EMPTY_STRING_AS_NULL CSV_NULL_AS_NULL HEADER_ROW FORMAT 'CSV' ROWSLIMIT 2
> select _id, s, n from t where _id > 2
[3, "x", null]
[4, null, null]
> bulk insert into t (_id, tags, at, ok) map (0 id, 1 stringset, 2 timestamp, 3 bool) from x'5,"b,a",2024-01-01T10:00:00Z,true' with format 'CSV' input 'INLINE'
> select tags, at, ok from t where _id = 5
[["a", "b"], "2024-01-01T10:00:00Z", true]
> bulk insert into t (_id, n, s) map ('$.id' id, '$.v.n' int, '$.names[1]' string) transform (@0 + 100, @1 * 2, upper(@2)) from x'{"id": 1, "v": {"n": 4}, "names": ["a", "b"]}
>   {"id": 2, "v": {"n": -4}, "names": ["a", "c"]}' with format 'NDJSON' input 'INLINE'
> select _id, n, s from t where _id > 100
[101, 8, "B"]
[102, -8, "C"]
> bulk insert into t (_id, p, tags) map ('$.id' id, '$.p' decimal(2), '$.tags' stringset) from x'{"id": 6, "p": 12.34, "tags": ["z", "y"]}
>   {"id": 7, "p": "0.10"}' with format 'NDJSON' input 'STREAM' allow_missing_values
> select _id, p, tags from t where _id in (6, 7)
[6, 12.34, ["y", "z"]]
[7, 0.10, null]
> bulk replace into t (_id, n) map (0 id, 1 int) from x'6,1' with format 'CSV' input 'INLINE'
> select _id, n, p, tags from t where _id = 6
[6, 1, null, null]

> bulk insert into t (_id, n) map (0 id, 1 int) from x'1,x' with format 'CSV' input 'INLINE'
! unable to convert 'x' to type 'int' (row 1)
> bulk insert into t (_id, p) map (0 id, 1 decimal(2)) from x'1,1.555' with format 'CSV' input 'INLINE'
! unable to convert '1.555' to type 'decimal(2)' (row 1)
> bulk insert into t (_id, n) map (0 id, 5 int) from x'1,2' with format 'CSV' input 'INLINE'
! row 1 has no column 5
> bulk insert into t (_id, n) map ('$.id' id, '$.n' int) from x'{"id": 1}' with format 'NDJSON' input 'INLINE'
! row 1 has no 'n'
> bulk insert into t (_id, n) map ('$.id' id, '$.n' int) from x'{"id": 1,' with format 'NDJSON' input 'INLINE'
! row 1 is not JSON
> bulk insert into t (_id, n) map ('id' id, '$.n' int) from x'{"id": 1}' with format 'NDJSON' input 'INLINE'
! 'id' is not a path
> bulk insert into t (_id, n) map (0 id) from x'1' with format 'CSV' input 'INLINE'
! mismatch in the count of expressions and target columns
> bulk insert into t (_id, n) map (0 id, 1 string) from x'1,2' with format 'CSV' input 'INLINE'
! an expression of type 'string' cannot be assigned to type 'int'
> bulk insert into t (_id, n) map (0 id, 1 int) transform (@0, @2) from x'1,2' with format 'CSV' input 'INLINE'
! variable '@2' not found
> bulk insert into t (_id, n) map (0 id, 1 int) from '/etc/passwd' with format 'CSV' input 'FILE'
! [1:52] the server reads no files; name directories in its setting bulk_directories
> bulk insert into t (_id, n) map (0 id, 1 int) from 'http://127.0.0.1/' with format 'CSV' input 'URL'
! [1:52] the server reads no URLs; name beginnings of them in its setting bulk_url_prefixes
> bulk insert into t (_id, n) map ('_id' id, 'n' int) from x'UEFSMQ==' with format 'PARQUET' input 'INLINE'
! format 'PARQUET' cannot be written in a statement
> bulk insert into t (_id, n) map ('_id' id, 'n' int) from x'' with format 'ORC' input 'STREAM'
! format 'ORC' cannot be written in a statement
> bulk insert into t (_id, n) map (0 id, 1 int) from x'1,2' with format 'CSV' input 'PIPE'
! input is INLINE, STREAM, UPLOAD, URL or FILE, not 'PIPE'
> bulk insert into t (_id, n) map (0 id, 1 int) from x'1,2' with batchsize 0 format 'CSV' input 'INLINE'
! value '0' out of range
> bulk insert into t (_id, tags) map (0 id, 1 stringset) transform (@0 + 200, @1) from x'1,' with format 'CSV' input 'INLINE' csv_empty_string_as_null null_as_empty_set
> select _id, tags from t where _id = 201
[201, null]
> bulk insert into t (_id, ok) map (0 id, 1 stringset) transform (@0 + 210, setcontains(@1, 'x')) from x'1,
>   2,x' with format 'CSV' input 'INLINE' csv_empty_string_as_null null_as_empty_set
> select _id, ok from t where _id > 210
[211, false]
[212, true]
> bulk insert into t (_id, ok) map (0 id, 1 stringset) transform (@0 + 220, setcontains(@1, 'x')) from x'1,
>   2,x' with format 'CSV' input 'INLINE' csv_empty_string_as_null
> select _id, ok from t where _id > 220
[221, null]
[222, true]
> bulk insert into t (_id, n, p, s) map (0 id, 1 int, 2 decimal(2), 3 varchar(5)) from x'1,-3' with format 'CSV' input 'INLINE' allow_missing_values
> select _id, n, p, s from t where _id = 1
[1, -3, 1.50, "a, b"]
> bulk insert into t (_id, n) map (0 id, 1 int) from x'1, 7
>   2,+8
>   3,9.0' with format 'CSV' input 'INLINE'
> select n from t where _id in (1, 2, 3)
[7]
[8]
[9]
> bulk insert into t (_id, n) map (0 id, 1 int) from x'1,2' with format 'XML' input 'INLINE'
! format is CSV, NDJSON, PARQUET or ORC, not 'XML'
> bulk insert into t (n) map (0 int) from x'1' with format 'CSV' input 'INLINE'
! insert column list must have '_id' column specified
> bulk insert into t (_id, n) map (0 id, 1 int) from x'1,2' with format 'CSV' input 'INLINE' hurry
! unknown option 'hurry'
