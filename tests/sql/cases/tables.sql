-- Tables, columns, views, and what SHOW tells of them.
+ create table all-types (_id string, a id, b string, c idset, d stringset, e idsetq timequantum 'YMDH', f stringsetq timequantum 'D' ttl '1h30m', g int min -5 max 10, h decimal(3), i bool, j timestamp, k timestamp timeunit 'ms' epoch '2020-01-01T00:00:00Z') comment 'it''s all'
> show create table all-types
: ddl string
["create table all-types (_id string, a id, b string, c idset, d stringset, e idsetq timequantum 'YMDH', f stringsetq timequantum 'D' ttl '5400s', g int min -5 max 10, h decimal(3), i bool, j timestamp timeunit 's', k timestamp timeunit 'ms' epoch '2020-01-01T00:00:00Z') comment 'it''s all';"]
+ drop table all-types
+ create table all-types (_id string, a id, b string, c idset, d stringset, e idsetq timequantum 'YMDH', f stringsetq timequantum 'D' ttl '5400s', g int min -5 max 10, h decimal(3), i bool, j timestamp timeunit 's', k timestamp timeunit 'ms' epoch '2020-01-01T00:00:00Z') comment 'it''s all';
> select name, ddl from fb_table_ddl
["all-types", "create table all-types (_id string, a id, b string, c idset, d stringset, e idsetq timequantum 'YMDH', f stringsetq timequantum 'D' ttl '5400s', g int min -5 max 10, h decimal(3), i bool, j timestamp timeunit 's', k timestamp timeunit 'ms' epoch '2020-01-01T00:00:00Z') comment 'it''s all';"]
> show columns from nope
! [1:19] table or view 'nope' not found
> create table all-types (_id id, a int)
! [1:14] table or view 'all-types' already exists
> create table if not exists all-types (_id id, a int)
> CREATE TABLE Other (_ID ID, Amount DECIMAL(2)) WITH COMMENT 'x' KEYPARTITIONS 12
> select _id, amount from other
: _id id, amount decimal(2)
> alter table other add column n int
> alter table other add label string
> alter table other add n int
! duplicate column 'n'
> alter table other drop column amount
> alter table other drop column amount
! column 'amount' not found
> select * from other
: _id id, n int, label string
> alter table nope add n int
! table or view 'nope' not found
> drop table other
> drop table other
! table or view 'other' not found
> drop table if exists other

> create table t (a int)
! [1:16] _id column must be specified
> create table t (_id int, a int)
! _id column must be specified with type ID or STRING
> create table t (_id id min 5, a int)
! _id column must be specified with no constraints
> create table t (_id id, a int, a id)
! duplicate column 'a'
> create table t (_id id, a number)
! unknown type 'number'
> create table t (_id id, a string min 4)
! 'min' constraint cannot be applied to a column of type 'string'
> create table t (_id id, a int timequantum 'Y')
! 'timequantum' constraint cannot be applied to a column of type 'int'
> create table t (_id id, a idsetq timequantum 'YD')
! 'YD' is not a valid time quantum
> create table t (_id id, a idsetq)
! needs a quantum
> create table t (_id id, a timestamp timeunit 'h')
! 'h' is not a valid time unit
> create table t (_id id, a timestamp epoch 'once')
! 'once' is not a valid epoch
> create table t (_id id, a decimal(19))
! value '19' out of range
> create table t (_id id, a int min 5 max 4)
! min of column 'a' is above its max
> create table 1t (_id id, a int)
! a table name expected
> create table t (_id id, a int
! expected, found the end
> create view all-types as select 1
! table or view 'all-types' already exists

+ create view keyed as select b, count(*) as n from all-types group by b
+ insert into all-types (_id, b) values ('x', 'one'), ('y', 'one'), ('z', 'two')
> select * from keyed order by n
: b string, n int
["two", 1]
["one", 2]
> select k.b, t._id from keyed k join all-types t on k.b = t.b where k.n = 2 order by 2
["one", "x"]
["one", "y"]
> create view keyed as select 1
! table or view 'keyed' already exists
> create view if not exists keyed as select 1
> create or replace view keyed as select _id from all-types where b = 'two'
> select * from keyed
["z"]
> alter view keyed as select b as bb from all-types order by _id limit 1
> select bb from keyed
["one"]
> alter view nope as select 1
! table or view 'nope' not found
> create view broken as select nope from all-types
! column 'nope' not found
> drop view keyed
> select * from keyed
! table or view 'keyed' not found
> drop view keyed
! table or view 'keyed' not found
> drop view if exists keyed
+ show databases
> kill query 'x'
! query 'x' not found
> select _id from fb_exec_requests
! column '_id' not found
> select request_id, row_count from fb_exec_requests where sql = 'nothing of the kind' and status = 'RUNNING'
: request_id string, row_count int
> select count(*) from fb_performance_counters where name = 'bitbrook_tables' and counter_type = 'gauge'
[1]

-- varchar(n): text of at most n characters.
+ create table notes (_id id, title varchar(5), n int)
> show create table notes
["create table notes (_id id, title varchar(5), n int);"]
+ insert into notes values (1, 'abcde', 1), (2, 'ab', 2), (3, null, 3), (4, 'éüößñ', 4)
> select _id, title from notes where title > 'ab' order by title
: _id id, title varchar(5)
[1, "abcde"]
[4, "éüößñ"]
> select _id from notes where title <= 'abcde'
[1]
[2]
> select _id from notes where title between 'ab' and 'b'
[1]
[2]
> select _id from notes where not title > 'ab'
[2]
> select _id from notes where title like 'ab%' and len(title) > 2
[1]
> select title, count(*) from notes group by title order by title limit 1
["ab", 1]
> insert into notes values (5, 'a', 1), (6, 'abcdef', 1)
! [1:43] inserting value into column 'title', row 2, value 'abcdef' has 6 characters and 5 are allowed
> select count(*) from notes
[4]
> insert into notes (_id, title) select _id + 10, 'a' || title from notes
! [1:49] inserting value into column 'title', row 1, value 'aabcde' has 6 characters and 5 are allowed
> update notes set title = title || '!' where _id = 1
! [1:26] inserting value into column 'title', row 1, value 'abcde!' has 6 characters and 5 are allowed
> update notes set n = n * 9223372036854775807 where _id = 2
! [1:22]
> create table bad (_id id, t varchar)
! [1:27] column 't' of type 'varchar' needs a length, as in varchar(100)
> create table bad (_id id, t varchar(0))
! [1:37] value '0' out of range
> alter table notes add column more varchar(3)
+ insert into notes (_id, more) values (1, 'xyz')
> insert into notes (_id, more) values (1, 'xyzw')
! [1:42] inserting value into column 'more', row 1, value 'xyzw' has 4 characters and 3 are allowed
+ copy notes to notes2
> insert into notes2 (_id, more) values (1, 'xyzw')
! value 'xyzw' has 4 characters
