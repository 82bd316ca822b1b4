-- Joins, subqueries, common table expressions, windows, set operations: finished by DuckDB.
+ create table users (_id id, name string, country string, age int)
+ insert into users values (1, 'ann', 'de', 30), (2, 'bob', 'fr', 40), (3, 'cid', 'de', 50), (4, 'dan', null, null)
+ create table orders (_id id, user_id int, total decimal(2), tags stringset, at timestamp)
+ insert into orders values
+   (1, 1, 10.00, ['a'], '2024-01-01'), (2, 1, 5.50, ['b'], '2024-01-02'),
+   (3, 2, 7.25, ['a', 'b'], '2024-01-03'), (4, 9, 1.00, null, '2024-01-04')

> select u.name, o.total from users u inner join orders o on u._id = o.user_id order by o.total
: name string, total decimal(2)
["ann", 5.50]
["bob", 7.25]
["ann", 10.00]
> select u.name, o.total from users u, orders o where u._id = o.user_id and u.country = 'de' and o.total > 6
["ann", 10.00]
> select u.name, o._id from users u left join orders o on u._id = o.user_id and setcontains(o.tags, 'b') order by u.name, 2
["ann", 2]
["bob", 3]
["cid", null]
["dan", null]
> select u.name from users u left join orders o on u._id = o.user_id where o._id is null order by 1
["cid"]
["dan"]
> select u.name, o._id from users u right join orders o on u._id = o.user_id where u.name is null
[null, 4]
> select count(*) from users u full join orders o on u._id = o.user_id
[6]
> select name from users u semi join orders o on u._id = o.user_id order by name
["ann"]
["bob"]
> select name from users u anti join orders o on u._id = o.user_id order by name
["cid"]
["dan"]
> select u.country, count(*) as n, sum(o.total) from users u join orders o on u._id = o.user_id group by u.country order by n desc
["de", 2, 15.50]
["fr", 1, 7.25]
> select count(*) from users a cross join users b
[16]
> select a.name, b.name from users a join users b on a.country = b.country and a._id < b._id
["ann", "cid"]
> select o.tags from users u join orders o on u._id = o.user_id where u.name = 'bob'
[["a", "b"]]

-- The key of the one user goes to the bitmaps of the orders.
> explain select o.total from users u join orders o on u._id = o.user_id where u.name = 'ann'
[1, "bitmaps", "users: CountRecords(filter=HasRow(field='name', rows=('ann')))", 1, 1, 1]
[2, "bitmaps", "orders: CountRecords()", 4, 4, 1]
[3, "bitmaps", "users: ExtractRecords(fields=(), filter=HasRow(field='name', rows=('ann')))", 1, 1, 1]
[4, "bitmaps", "users: ExtractRecords(fields=(), filter=HasRow(field='name', rows=('ann')))", 1, 1, 1]
[5, "bitmaps", "orders: ExtractRecords(fields=('user_id', 'total'), filter=InValues(field='user_id', values=(1)))", 1, 2, 2]
[6, "duckdb", "select", 3, 3, 2]

-- Subqueries.
> select name from users where _id in (select user_id from orders where total > 6) order by name
["ann"]
["bob"]
> select name from users where _id not in (select user_id from orders) order by name
["cid"]
["dan"]
> select name from users where age = (select max(age) from users)
["cid"]
> select name, (select count(*) from orders o where o.user_id = u._id) as n from users u order by _id
["ann", 2]
["bob", 1]
["cid", 0]
["dan", 0]
> select name from users u where exists (select 1 from orders o where o.user_id = u._id and o.total > 8)
["ann"]
> select name from users u where not exists (select 1 from orders o where o.user_id = u._id) and age > 10
["cid"]
> select x.c, x.n from (select country as c, count(*) as n from users group by country) x where x.n > 1
["de", 2]
> select max(n) from (select user_id, count(*) as n from orders group by user_id) t
[2]
> select name from users where age > (select age from users)
! single row expected
> select name from users where _id in (select _id, age from users)
! a subquery here must select one column
> select s.name from (select name from users order by age desc limit 2) s order by 1
["bob"]
["cid"]

-- Common table expressions.
> with rich as (select user_id, sum(total) as t from orders group by user_id) select u.name, r.t from rich r join users u on u._id = r.user_id where r.t > 7 order by 1
["ann", 15.50]
["bob", 7.25]
> with a(x) as (select age from users where age is not null), b as (select x + 1 as y from a) select y from b order by y
[31]
[41]
[51]
> with recursive n(i) as (select 1 union all select i + 1 from n where i < 5) select sum(i) from n
[15]

-- Windows.
> select name, row_number() over (order by age desc) from users order by _id
["ann", 3]
["bob", 2]
["cid", 1]
["dan", 4]
> select name, sum(age) over (partition by country order by _id rows between unbounded preceding and current row) as running from users where age is not null order by _id
: name string, running int
["ann", 30]
["bob", 40]
["cid", 80]
> select name, rank() over (order by country), lag(name) over (order by _id), avg(age) over () from users order by _id
["ann", 1, null, 40.0000]
["bob", 3, "ann", 40.0000]
["cid", 1, "bob", 40.0000]
["dan", 4, "cid", 40.0000]
> select name from users qualify row_number() over (partition by country order by age desc) = 1 order by name
["bob"]
["cid"]
["dan"]
> select country, count(*), rank() over (order by count(*) desc) from users group by country order by 3, 1
["de", 2, 1]
["fr", 1, 2]
[null, 1, 2]

> select country, sum(count(*)) over (order by country) from users group by country order by 1
["de", 2]
["fr", 3]
[null, 4]

-- Set operations.
> select name from users where age > 30 union select 'eve' order by 1
["bob"]
["cid"]
["eve"]
> select country from users union all select country from users where country = 'fr' order by 1
["de"]
["de"]
["fr"]
["fr"]
[null]
> select _id from users intersect select user_id from orders order by 1
[1]
[2]
> select _id from users except select user_id from orders order by 1 desc
[4]
[3]
> select 1 union select 1.5 order by 1
: decimal(1)
[1.0]
[1.5]
> select 1 union select 'a'
! types 'int' and 'string' are not equatable
> select 1, 2 union select 1
! 2 columns on one side and 1 on the other

> select users.name from users u
! table or view 'users' not found
> select _id from users join orders on users._id = orders.user_id
! column '_id' is ambiguous
> select name from users u join orders o on u._id
! boolean expression expected
> select name from users natural join orders where total > 6
["ann"]
["cid"]
