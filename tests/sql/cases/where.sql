-- Conditions: exact edges, three-valued logic, every type of column.
use shop.sql

> select _id from shop where age > 0
[1]
[3]
[1048577]
> select _id from shop where age >= -5 and age < 30
[2]
[4]
> select _id from shop where 30 <= age
[1]
[3]
[1048577]
> select _id from shop where age <> 30
[2]
[4]
[1048577]
> select _id from shop where age != 30.0
[2]
[4]
[1048577]
> select _id from shop where age = 29.5
> select _id from shop where age > 29.5 and age < 30.5
[1]
[3]
> select _id from shop where not age = 30
[2]
[4]
[1048577]
> select _id from shop where age between 0 and 30
[1]
[3]
[4]
> select _id from shop where age not between 0 and 30
[2]
[1048577]
> select _id from shop where age in (30, -5, 7)
[1]
[2]
[3]
> select _id from shop where age not in (30, -5)
[4]
[1048577]
> select _id from shop where age not in (30, null)
> select _id from shop where age in (30, null)
[1]
[3]
> select _id from shop where age = null
> select _id from shop where age is null
[9]
> select _id from shop where age is not null and label is null
[4]
> select _id from shop where age < 99999999999999999 and age > -99999999999999999
[1]
[2]
[3]
[4]
[1048577]
> select _id from shop where age > 18446744073709551615

-- Decimals: constants between and beyond what two digits hold.
> select _id from shop where price > 0.009
[1]
[3]
[1048577]
> select _id from shop where price >= 12.991
[3]
> select _id from shop where price <= 12.985 and price > -0.505
[2]
[1048577]
> select _id from shop where price = 12.990
[1]
> select _id from shop where price = 12.991
> select _id from shop where price <> 12.991
[1]
[2]
[3]
[1048577]
> select _id from shop where price in (100, 0.01, 0.011)
[3]
[1048577]
> select _id from shop where price = 100
[3]

-- Times.
> select _id from shop where born = '2000-01-01T00:00:00Z'
[1]
[3]
> select _id from shop where born > '1999-12-31T23:59:59.5Z'
[1]
[3]
> select _id from shop where born < '2000-01-01T00:00:00+01:00'
[2]
> select _id from shop where logged between '2024-05-06' and '2024-05-06 10:00:00.249'
[4]
> select _id from shop where logged = '2024-05-06T10:00:00.25Z'
[1]
> select _id from shop where born in ('2000-01-01', '1969-12-31T23:59:59Z')
[1]
[2]
[3]
> select _id from shop where logged > datetimeadd('D', -1, '2024-05-07T10:00:00.1Z')
[1]
> select _id from shop where born = 'yesterday'
! [1:35] unable to convert 'yesterday' to type 'timestamp'

-- Strings, ids, bools.
> select _id from shop where label = 'x'
[1]
[3]
> select _id from shop where label <> 'x'
[2]
[1048577]
> select _id from shop where not label in ('x', 'nope')
[2]
[1048577]
> select _id from shop where label like '%'
[1]
[2]
[3]
[1048577]
> select _id from shop where label not like 'x%'
[2]
[1048577]
> select _id from shop where label > 'x'
[2]
[1048577]
> select _id from shop where kind = 10
[1]
[3]
> select _id from shop where kind <> 10
[2]
[4]
> select _id from shop where kind in (20, 30, -1)
[2]
[4]
> select _id from shop where kind > 10
[2]
[4]
> select _id from shop where kind = -1
> select _id from shop where active
[1]
[3]
> select _id from shop where not active
[2]
[1048577]
> select _id from shop where active = false
[2]
[1048577]
> select _id from shop where active is null
[4]
[9]
> select _id from shop where active <> true or age = 0
[2]
[4]
[1048577]

-- Record ids.
> select _id from shop where _id = 3
[3]
> select _id from shop where _id in (3, 5, 9, 3)
[3]
[9]
> select _id from shop where _id = 5
> select _id from shop where _id <> 3 and _id < 10
[1]
[2]
[4]
[9]
> select _id from shop where _id between 2 and 4
[2]
[3]
[4]
> select count(*) from shop where _id is null or _id = -1
[0]

-- Sets: a null set makes a condition unknown.
> select _id from shop where setcontains(colour, 1)
[1]
[2]
[1048577]
> select _id from shop where not setcontains(colour, 1)
[3]
> select _id from shop where setcontains(tags, 'blue')
[1]
[2]
> select _id from shop where setcontainsany(tags, ['red', 'a b'])
[1]
[3]
[1048577]
> select _id from shop where setcontainsall(tags, ['red', 'blue'])
[1]
> select _id from shop where not setcontainsall(tags, ['red', 'blue'])
[2]
[3]
[1048577]
> select _id from shop where setcontains(colour, null)
> select _id from shop where tags = ['blue', 'red']
[1]
> select _id from shop where colour = [1]
[2]
[1048577]
> select _id from shop where colour <> [1]
[1]
[3]
> select _id from shop where colour is null
[4]
[9]
> select _id, setcontains(colour, 1) from shop where _id in (1, 3, 4)
[1, true]
[3, false]
[4, null]

-- Sets with times.
> select _id from shop where rangeq(seen, '2024-05-06', '2024-05-07')
[1]
[1048577]
> select _id from shop where rangeq(seen, '2024-05-06', null)
[1]
[2]
[1048577]
> select _id from shop where rangeq(seen, null, '2024-01-01T00:00:00Z')
[3]
> select _id from shop where not rangeq(visits, '2024-05-06T10:00:00Z', '2024-05-06T11:00:00Z')
[2]
> select _id from shop where rangeq(seen, 1714953600, 1715040000) and setcontains(seen, 8)
[1048577]
> select _id, rangeq(seen, '2024-05-06', '2024-05-07') from shop
: _id id, bool
[1, true]
[2, false]
[3, false]
[4, false]
[9, null]
[1048577, true]
> select rangeq(seen, '2024-05-06', '2024-05-07') as r, count(*) from shop group by r order by r
[false, 3]
[true, 2]
[null, 1]
> select case when rangeq(seen, '2024-05-06', null) then 'new' else 'old' end as w, rangeq(visits, null, '2024-05-06T10:00:00Z') as v from shop where age >= 0 order by _id limit 2
["new", false]
["old", false]
> select a._id, b._id from shop a join shop b on a.kind = b.kind and rangeq(a.seen, '2024-01-01', null) = rangeq(b.seen, null, '2024-01-01') order by 1
[1, 3]
[3, 1]
[4, 4]
> select _id from shop where rangeq(seen, '2024-05-06', '2024-05-07') or len(label) + age < -3
[1]
[2]
[1048577]
> select count(*) from shop where rangeq(seen, born, null)
! [1:33] rangeq() takes a column of a table in the FROM beside it, and times that are the same for all records
> select _id from shop where rangeq(seen, null, null)
! calling ranqeq() 'from' and 'to' parameters cannot both be null
> select _id from shop where rangeq(colour, '2020-01-01', null)
! set expression expected

-- Three-valued logic, together.
> select _id from shop where age > 0 or active
[1]
[3]
[1048577]
> select _id from shop where not (age > 0 or active)
[2]
> select _id from shop where not (age > 0 and label = 'x')
[2]
[4]
[1048577]
> select _id from shop where not (not (age > 0))
[1]
[3]
[1048577]

-- Conditions that bitmaps do not answer, alone and beside some that they do.
> select _id from shop where age > price
[1]
[1048577]
> select _id from shop where age + 1 > 30 and label = 'x'
[1]
[3]
> select _id from shop where upper(label) = 'X' or age = 0
[1]
[3]
[4]
> select _id from shop where case when age > 0 then label = 'x' else kind = 30 end
[1]
[3]
[4]
> select _id from shop where true
[1]
[2]
[3]
[4]
[9]
[1048577]
> select _id from shop where null
> select _id from shop where 1 = 2 or age = 0
[4]

-- Types are checked first.
> select _id from shop where age
! boolean expression expected
> select _id from shop where age = 'x'
! types 'int' and 'string' are not equatable
> select _id from shop where born = 5
! types 'timestamp' and 'int' are not equatable
> select _id from shop where active > true
! operator '>' incompatible with type 'bool'
> select _id from shop where tags > ['a']
! operator '>' incompatible with type 'stringset'
> select _id from shop where tags = [1]
! types 'stringset' and 'idset' are not equatable
> select _id from shop where age like 'x'
! operator 'LIKE' incompatible with type 'int'
> select _id from shop where setcontains(tags, 1)
! types 'stringset' and 'int' are not equatable
> select _id from shop where label and active
! operator 'AND' incompatible with type 'string'
> select _id from shop where count(*) > 1
! aggregates are not allowed in WHERE
