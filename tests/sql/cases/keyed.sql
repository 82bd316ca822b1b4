-- A table whose records have string keys: everything goes by the key.
+ create table k (_id string, n int, s string, tags idset)
+ insert into k values ('b', 1, 'x', [1]), ('a', 2, 'x', [1, 2]), ('it''s', 3, 'y', null), ('ä', null, null, [3])
> select * from k
: _id string, n int, s string, tags idset
["a", 2, "x", [1, 2]]
["b", 1, "x", [1]]
["it's", 3, "y", null]
["ä", null, null, [3]]
> select _id from k where _id = 'it''s' or n = 1
["b"]
["it's"]
> select n from k where _id in ('a', 'nope')
[2]
> select _id from k where _id <> 'a' and n is not null
["b"]
["it's"]
> select _id from k where _id like 'i%'
["it's"]
> select _id from k where _id > 'b' order by _id desc
["ä"]
["it's"]
> select _id, n from k order by n desc limit 2
["it's", 3]
["a", 2]
> select upper(_id) from k where s = 'x'
["A"]
["B"]
> select s, count(*), min(n) from k group by s
["x", 2, 1]
["y", 1, 3]
[null, 1, null]
> select a._id, b._id from k a join k b on a.s = b.s and a._id < b._id
["a", "b"]
> select _id from k where _id = 5
! types 'string' and 'int' are not equatable
> delete from k where _id = 'a'
> update k set n = 10 where _id = 'b'
> select _id, n from k where s = 'x'
["b", 10]
> select count(distinct _id), max(s) from k
[3, "y"]

-- Ranges and patterns of keys: the keys are gone through, of the rest only what passes is read.
+ create table r (_id string, n int, s string)
+ insert into r values ('b', 1, 'x'), ('a', 2, 'x'), ('it''s', 3, 'y'), ('ä', null, null), ('bb', 5, 'z'), ('bc', 6, 'z')
> select _id, n from r where _id between 'b' and 'bb'
["b", 1]
["bb", 5]
> select n from r where _id >= 'b' and _id < 'c' and s = 'z'
[5]
[6]
> select n from r where _id not like 'b%' and not _id > 'b'
[2]
> select n from r where 'bc' <= _id order by n
[3]
[6]
[null]
> select n, s from r where _id like 'b\%'
> select count(*) from r where _id > 'bb'
[3]
> explain select n from r where _id >= 'b' and _id < 'c' and n > 1
[1, "bitmaps", "r: CountRecords()", 6, 6, 1]
[2, "bitmaps", "r: RecordIds()", 6, 6, 6]
[3, "bitmaps", "r: ExtractRecords(fields=('n'), filter=Intersect(operands=(InRange(field='n', low=2), Intersect(operands=(All(), Records(ids=('b', 'bb', 'bc')))))))", 2, 2, 2]
> delete from r where _id like 'b%'
> select _id from r
["a"]
["it's"]
["ä"]
