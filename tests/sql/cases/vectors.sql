-- vector(n): written, read, compared, and ordered by distance.
+ create table v (_id id, kind string, at vector(3), small vector(2))
> show create table v
["create table v (_id id, kind string, at vector(3), small vector(2));"]
> insert into v values (1, 'a', [1, 0, 0], [0.5, -0.25]), (2, 'a', [0, 2.5, 0], null), (3, 'b', [1e-3, 0, -3], [0.1, 0.2])
> insert into v (_id, kind, at) values (4, 'b', [0, 0, 0]), (5, 'c', null), (6, 'c', [1, 1, 0])
> select * from v
: _id id, kind string, at vector(3), small vector(2)
[1, "a", [1, 0, 0], [0.5, -0.25]]
[2, "a", [0, 2.5, 0], null]
[3, "b", [0.001, 0, -3], [0.1, 0.2]]
[4, "b", [0, 0, 0], null]
[5, "c", null, null]
[6, "c", [1, 1, 0], null]

-- Distances are decimals of nine digits; of null, and by angle of zeros, there are none.
> select _id, cosine_distance(at, [1, 1, 0]), euclidean_distance(at, [1, 1, 0]), dot_product(at, [1, 1, 0]) from v
[1, 0.292893219, 1.000000000, 1.000000000]
[2, 0.292893219, 1.802775638, 2.500000000]
[3, 0.999764298, 3.316323416, 0.001000000]
[4, null, 1.414213562, 0.000000000]
[5, null, null, null]
[6, 0.000000000, 0.000000000, 2.000000000]
> select cosine_distance([1, 0], [0.0, 1]) as d, euclidean_distance([0, 0], [3, 4]), dot_product([1.5, -2], [2, 1])
: d decimal(9), decimal(9), decimal(9)
[1.000000000, 5.000000000, 1.000000000]

> select _id from v order by cosine_distance(at, [1, 1, 0]) limit 4
[6]
[1]
[2]
[3]
> select _id, euclidean_distance(at, [1, 1, 0]) as d from v order by d limit 2 offset 1
[1, 1.000000000]
[4, 1.414213562]
> select _id from v order by dot_product([1, 1, 0], at) desc limit 2
[2]
[6]
> select _id from v where kind <> 'c' order by cosine_distance(at, [1, 1, 0]) limit 10
[1]
[2]
[3]
[4]
> select _id from v order by cosine_distance(at, [1, 1, 0])
[6]
[1]
[2]
[3]
[4]
[5]
> select top 1 kind, at from v where kind in ('a', 'b') order by euclidean_distance(at, [0, 2, 0])
["a", [0, 2.5, 0]]

> select _id from v where euclidean_distance(at, [1, 1, 0]) <= 1.5
[1]
[4]
[6]
> select count(*) from v where cosine_distance(at, [1, 1, 0]) < 0.3 and kind = 'a'
[2]
> select _id from v where cosine_distance(at, [1, 1, 0]) <> 0
[1]
[2]
[3]
> select _id from v where not dot_product(at, [1, 1, 0]) > 1
[1]
[3]
[4]
> select a._id, b._id, euclidean_distance(a.at, b.at) from v a join v b on a._id < b._id and euclidean_distance(a.at, b.at) < 1.5 order by 3, 1, 2
[1, 4, 1.000000000]
[1, 6, 1.000000000]
[4, 6, 1.414213562]
> select kind, min(euclidean_distance(at, [0, 0, 0])) from v group by kind
["a", 1.000000000]
["b", 0.000000000]
["c", 1.414213562]

> select _id from v where at = [1, 0, 0]
[1]
> select _id from v where at is null
[5]
> select count(at), count(small), count(distinct at) from v
[5, 2, 5]
> select kind, count(small) from v group by kind
["a", 1]
["b", 1]
["c", 0]
> select cast(at as string) from v where _id in (1, 3)
["[1.0,0.0,0.0]"]
["[0.001,0.0,-3.0]"]
> select coalesce(small, [9, 9]) from v where _id < 3
[[0.5, -0.25]]
[[9, 9]]
> select at, count(*) from v group by at having count(*) = 1 order by 2 limit 1
[[0, 0, 0], 1]
> with near as (select _id, at from v order by euclidean_distance(at, [1, 1, 0]) limit 3) select count(*) from near
[3]

-- Changed, emptied, copied.
> insert into v (_id, at) values (1, [7, 8, 9])
> insert into v (_id, at, kind) values (2, null, 'z')
> select _id, at from v where _id < 3
[1, [7, 8, 9]]
[2, [0, 2.5, 0]]
> update v set at = [1, 2, 3], small = null where _id = 1
> select at, small from v where _id = 1
[[1, 2, 3], null]
> update v set small = [0.5, 2] where _id = 2
> replace into v (_id, kind) values (3, 'b')
> delete from v where _id = 4
> select _id, at, small from v
[1, [1, 2, 3], null]
[2, [0, 2.5, 0], [0.5, 2]]
[3, null, null]
[5, null, null]
[6, [1, 1, 0], null]
> copy v to w
> select _id, at from w where at is not null
[1, [1, 2, 3]]
[2, [0, 2.5, 0]]
[6, [1, 1, 0]]
> insert into w (_id, at) select _id + 100, at from v where _id = 6
> select at from w where _id = 106
[[1, 1, 0]]
> bulk insert into w (_id, at, small) map (0 id, 1 vector(3), 2 vector(2)) from x'20,"[1, 2.5, -3e2]","0.5,0.25"
>   21,"1,2,3",' with format 'CSV' input 'INLINE' csv_empty_string_as_null
> bulk insert into w (_id, at) map ('$.i' id, '$.v' vector(3)) from x'{"i": 22, "v": [4, 5.5, 6]}
>   {"i": 23, "v": null}' with format 'NDJSON' input 'INLINE'
> select _id, at, small from w where _id between 20 and 23
[20, [1, 2.5, -300], [0.5, 0.25]]
[21, [1, 2, 3], null]
[22, [4, 5.5, 6], null]
[23, null, null]
> alter table w add column more vector(1)
> insert into w (_id, more) values (20, [-1])
> select more from w where _id = 20
[[-1]]
> alter table w drop column at
> select _id from w where small is not null
[2]
[20]

-- What is refused.
> insert into v (_id, at) values (1, [1, 2])
! [1:36] an expression of type 'vector(2)' cannot be assigned to type 'vector(3)'
> insert into v (_id, at) values (1, ['a'])
! an expression of type 'stringset' cannot be assigned to type 'vector(3)'
> insert into v (_id, at) values (1, 5)
! an expression of type 'int' cannot be assigned to type 'vector(3)'
> insert into v (_id, at) values (1, [1e39, 0, 0])
! out of range
> insert into v (_id, kind) values (1, [0.5])
! an expression of type 'vector(1)' cannot be assigned to type 'string'
> insert into v (_id, at) select _id, small from v
! an expression of type 'vector(2)' cannot be assigned to type 'vector(3)'
> bulk insert into w (_id, small) map (0 id, 1 vector(2)) from x'1,"1,nan"' with format 'CSV' input 'INLINE'
! unable to convert '1,nan' to type 'vector(2)' (row 1)
> bulk insert into w (_id, small) map (0 id, 1 vector(2)) from x'1,"1,2,3"' with format 'CSV' input 'INLINE'
! unable to convert '1,2,3' to type 'vector(2)' (row 1)
> bulk insert into w (_id, small) map (0 id, 1 vector) from x'1,"1,2"' with format 'CSV' input 'INLINE'
! type 'vector' needs a length, as in vector(768)
> select cosine_distance(at, [1, 2]) from v
! an expression of type 'vector(2)' cannot be passed to a parameter of type 'vector(3)'
> select cosine_distance(at, small) from v
! an expression of type 'vector(2)' cannot be passed to a parameter of type 'vector(3)'
> select cosine_distance(at, 'x') from v
! an expression of type 'string' cannot be passed to a parameter of type 'vector'
> select cosine_distance(at) from v
! 'cosine_distance': count of formal parameters (2) does not match count of actual parameters (1)
> select _id from v where at = small
! types 'vector(3)' and 'vector(2)' are not equatable
> select at + 1 from v
! operator '+' incompatible with type 'vector(3)'
> select _id from v where at < [1, 2, 3]
! operator '<' incompatible with type 'vector(3)'
> select sum(at) from v
! 'vector(3)'
> select cast(at as int) from v
! 'vector(3)' cannot be cast to 'int'
> create table x (_id id, a vector)
! column 'a' of type 'vector' needs a length, as in vector(768)
> create table x (_id id, a vector(0))
! [1:34] value '0' out of range
> create table x (_id id, a vector(4097))
! value '4097' out of range
> create table x (_id id, a vector(3) min 1)
! 'min' constraint cannot be applied to a column of type 'vector(3)'
> select euclidean_distance([3e38], [-3e38])
! out of range

-- Numbers of any digits, as programs write them.
+ create table long (_id id, at vector(2))
> insert into long values (1, [0.01234567890123456789, -1.5E-30])
> insert into long (_id, at) values (1 + 1, [-0.01234567890123456789, 1e-40])
> select _id, dot_product(at, [0.98765432109876543210987, -1e30]) from long order by dot_product(at, [0.98765432109876543210987, -1e30])
[2, -0.012193264]
[1, 1.512193291]
> select setcontainsany([1, 2], [0.5, 1e-40])
! set expression expected
> select [18446744073709551616]
! value '18446744073709551616' out of range
> insert into long values (3, [1e400, 0])
! out of range
