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
> create table t (_id id, a varchar(10))
! type 'varchar' is not supported
> create table t (_id id, a vector(3))
! type 'vector' is not supported
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
> show databases
> kill query 'x'
! query 'x' not found
> select _id from fb_exec_requests
! column '_id' not found
> select request_id from fb_exec_requests
