-- What is selected: columns, expressions, names and types.
use shop.sql

> select * from shop where _id = 1
: _id id, colour idset, tags stringset, kind id, label string, seen idsetq, visits stringsetq, active bool, age int, price decimal(2), born timestamp, logged timestamp
[1, [1, 2], ["blue", "red"], 10, "x", [7], ["home"], true, 30, 12.99, "2000-01-01T00:00:00Z", "2024-05-06T10:00:00.25Z"]
> select * from shop where _id = 9
[9, null, null, null, null, null, null, null, null, null, null, null]
> SELECT _ID, Age AS Years, age + 1, 'it''s' FROM Shop WHERE _id IN (2, 4)
: _id id, years int, int, string
[2, -5, -4, "it's"]
[4, 0, 1, "it's"]
> select s.age, s.* from shop s where s._id = 9
[null, 9, null, null, null, null, null, null, null, null, null, null, null]
> select _id, _id from shop limit 2
[1, 1]
[2, 2]
> select 1, 1.50, 'a', true, null, [2, 1], ['b', 'a', 'b'], -9223372036854775808, 18446744073709551615
: int, decimal(2), string, bool, void, idset, stringset, int, id
[1, 1.50, "a", true, null, [1, 2], ["a", "b"], -9223372036854775808, 18446744073709551615]
> select _id from shop
[1]
[2]
[3]
[4]
[9]
[1048577]

-- Order, limits.
> select _id from shop order by age desc, _id limit 3
[1048577]
[1]
[3]
> select _id, age from shop order by 2, 1 desc
[2, -5]
[4, 0]
[3, 30]
[1, 30]
[1048577, 1000]
[9, null]
> select _id, age * 2 as double from shop order by double desc limit 2 offset 1
[1, 60]
[3, 60]
> select top(2) _id from shop
[1]
[2]
> select top 2 _id from shop order by price desc
[3]
[1]
> select _id, label from shop order by label desc, _id desc limit 4
[1048577, "z"]
[2, "y"]
[3, "x"]
[1, "x"]
> select _id from shop order by _id desc limit 2
[1048577]
[9]
> select _id from shop limit 0
> select _id from shop order by born, _id limit 3 offset 1
[1]
[3]
[4]
> select _id from shop limit 1 offset 100
> select top 1 _id from shop limit 1
! TOP and LIMIT cannot be used at the same time
> select top(1) _id from shop order by _id limit 1
! TOP and LIMIT cannot be used at the same time
> select _id from shop limit 'x'
! integer expression expected
> select _id from shop limit -1
! value '-1' out of range
> select _id from shop order by 3
! [1:31] value '3' out of range
> select _id from shop order by tags
! unable to sort a column of type 'stringset'

-- DISTINCT.
> select distinct kind from shop
[10]
[20]
[30]
[null]
> select distinct active, label from shop order by label desc, active
[false, "z"]
[false, "y"]
[true, "x"]
[null, null]
> select distinct age / 10 from shop where age is not null
[0]
[3]
[100]
> select distinct label from shop limit 2 offset 1
["y"]
["z"]
> select distinct age from shop order by price
! with DISTINCT, ORDER BY takes what is selected

-- Names that are not there.
> select x from shop
! [1:8] column 'x' not found
> select nope.x from shop
! [1:8] table or view 'nope' not found
> select * from nope
! [1:15] table or view 'nope' not found
> select shop.age from shop s
! table or view 'shop' not found
> select age from shop a, shop b
! column 'age' is ambiguous
> select * from shop, shop
! duplicate table or alias 'shop'
> select age from shop with (hurry(age))
! unknown query hint 'hurry'
> select
>   age,
>   nope
>   from shop
! [3:1] column 'nope' not found
