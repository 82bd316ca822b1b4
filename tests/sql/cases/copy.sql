-- COPY takes columns of every type along, and when the members of sets with times are of.
+ create table t (_id id, n int min -5 max 9, p decimal(2), s string, i id, v varchar(3), tags stringset, ids idset, ok bool, at timestamp timeunit 'ns' epoch '2020-01-01T00:00:00Z', q idsetq timequantum 'YMDH' ttl '0s', w stringsetq timequantum 'MD', e vector(2)) comment 'it''s all'
> insert into t values (1, 5, 1.5, 'a', 7, 'xyz', ['x', 'y'], [1], true, '2024-01-01T00:00:00.123456789Z', {'2024-05-06T10:30:00Z', [3, 4]}, {'2024-05-06', ['a']}, [0.1, -2])
> insert into t (_id, q, w) values (1, {'2024-05-07T00:00:00Z', [3]}, ['b'])
> insert into t (_id, q, w) values (2, [9], {'2023-12-31T23:59:59Z', ['z']}), (3, null, null)
> insert into t (_id, n, at) values (3, 9, -1)
> copy t to u
> show create table u
["create table u (_id id, n int min -5 max 9, p decimal(2), s string, i id, v varchar(3), tags stringset, ids idset, ok bool, at timestamp timeunit 'ns' epoch '2020-01-01T00:00:00Z', q idsetq timequantum 'YMDH', w stringsetq timequantum 'MD', e vector(2)) comment 'it''s all';"]
> select * from u
[1, 5, 1.50, "a", 7, "xyz", ["x", "y"], [1], true, "2024-01-01T00:00:00.123456789Z", [3, 4], ["a", "b"], [0.1, -2]]
[2, null, null, null, null, null, null, null, null, null, [9], ["z"], null]
[3, 9, null, null, null, null, null, null, null, "2019-12-31T23:59:59.999999999Z", null, null, null]
> select _id from u where rangeq(q, '2024-05-06T10:00:00Z', '2024-05-06T11:00:00Z')
[1]
> select _id from u where rangeq(q, '2024-05-06T11:00:00Z', '2024-05-07T00:00:00Z')
> select _id from u where rangeq(q, '2024-05-07T00:00:00Z', null)
[1]
> select _id from u where rangeq(q, '2000-01-01', '2024-01-01')
> select _id from u where rangeq(w, '2023-12-31', '2024-01-01')
[2]
> select _id from u where rangeq(w, '2024-05-06', '2024-05-07')
[1]
> insert into u (_id, v) values (2, 'four')
! value 'four' has 4 characters and 3 are allowed
> insert into u (_id, n) values (2, 10)
! out of range

-- By record keys; a copy is its own.
+ create table k (_id string, q stringsetq timequantum 'Y', p decimal(18))
> insert into k values ('a', {1704067200, ['new']}, 1), ('b', {'2020-06-01', ['old']}, -9.223372036854775808)
> copy k to k2
> delete from k
> select _id, q, p from k2
["a", ["new"], 1.000000000000000000]
["b", ["old"], -9.223372036854775808]
> select _id from k2 where rangeq(q, '2020-01-01', '2021-01-01')
["b"]
> copy k to k2
! [1:11] table or view 'k2' already exists
> copy nope to k3
! [1:6] table or view 'nope' not found
> copy k k3
! [1:8]
> create view kv as select * from k2
> copy k to kv
! table or view 'kv' already exists
> copy kv to k3
! table or view 'kv' not found
