-- Refusals that only values bring out point at the expression that made them.
+ create table t (_id id, n int, big int, p decimal(2), s string, k id)
+ insert into t values (1, 1, 9223372036854775807, 1.50, 'a', 7), (2, 2, 9223372036854775807, 90000000000000000.00, '12', 8)

> select n + big from t
! [1:8] a value of an expression is out of range
> select _id, (n * 2) + (big * 2) from t
! [1:24] a value of an expression is out of range
> select _id from t where n > 0 and big + n > 5
! [1:35] a value of an expression is out of range
> select sum(big) from t
! [1:8] value '18446744073709551614' out of range
> select n - n, sum(big) from t group by n - n
! [1:15]
> select sum(big) from t where n + 1 > 0
! [1:8]
> select case when n > 1 then big
>   + n else 0 end from t
! [1:29]
> select p * 1000 from t
! [1:8]
> select _id, (select n from t) from t
! [1:13] single row expected
> select n / (n - n) from t
! [1:8] divisor is equal to zero
> select cast(s as int) from t
! [1:13] unable to convert 'a' to type 'int'
> select x + 1 from (select big + 0 as x from t) q
! [1:8]
> with q as (select big + n as x, k from t) select max(x) from q group by k
! [1:19]
> select k, max(big) * max(n) from t group by k order by k desc
! [1:11]
> select k, 1 + sum(big) over (order by n) from t
! [1:15] a value of an expression is out of range
> select list_transform(list_value(n), x -> x + 9223372036854775807) from t
! [1:8] a value of an expression is out of range
> select _id, sqrt(n - 3), isnan(sqrt(n - 3)), isinf(ln(n - 1)) from t
[1, null, true, true]
[2, null, true, false]
> select regexp_matches(s, '(') from t
! [1:8] an expression cannot be evaluated with these values
> pivot t on s in ('a') using sum(big) group by n > 5
[false, 9223372036854775807]

-- In queries that name columns of the query around them.
+ create table inner_t (_id id, m int)
+ insert into inner_t values (1, 1), (2, 5)
+ create table outer_t (_id id, m int)
+ insert into outer_t values (1, 1), (2, 5), (3, null)
> select _id, (select i.m * 9223372036854775807 * o.m from inner_t i where i.m = o.m) from outer_t o
! [1:21] a value of an expression is out of range
> select _id from outer_t o where exists (select 1 from inner_t i where i.m + 9223372036854775807 + o.m > 0)
! [1:71] a value of an expression is out of range
> select _id, x.z from outer_t o, lateral (select 9223372036854775807 + o.m as z) x
! [1:49] a value of an expression is out of range
> select o._id, (select (select 9223372036854775807 + o.m + i.m) from inner_t i where i.m = o.m) from outer_t o
! [1:31] a value of an expression is out of range
> select _id from outer_t o where m < any (select i.m + 9223372036854775807 from inner_t i where i.m >= o.m)
! [1:49] a value of an expression is out of range
> select _id, (select i.m / (o.m - 1) from inner_t i where i.m = 5) from outer_t o
! [1:21] divisor is equal to zero
> select _id, (select i.m from inner_t i where i.m > o.m - 10) from outer_t o
! [1:13] single row expected
> select _id, (select max(i.m * 9223372036854775807 + o.m) from inner_t i) from outer_t o
! [1:25] a value of an expression is out of range
