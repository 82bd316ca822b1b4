-- PIVOT and UNPIVOT, as statements, in FROM and after a table.
+ create table sales (_id id, city string, year int, kind string, units int, price decimal(2), ok bool)
+ insert into sales values
+   (1, 'Rom', 2023, 'a', 5, 1.50, true), (2, 'Rom', 2024, 'a', 7, 2.00, true), (3, 'Ulm', 2023, 'b', 1, 0.25, false),
+   (4, 'Ulm', 2024, 'a', null, 3.00, null), (5, null, 2024, 'b', 2, null, true), (6, 'Rom', 2024, 'b', 4, 4.00, false)

> pivot sales on year using sum(units) group by city
: city string, 2023 int, 2024 int
["Rom", 5, 11]
["Ulm", 1, null]
[null, null, 2]
> pivot sales on year using sum(units) as u, count(*) as n group by city
: city string, 2023_u int, 2023_n int, 2024_u int, 2024_n int
["Rom", 5, 1, 11, 2]
["Ulm", 1, 1, null, 1]
[null, null, 0, 2, 1]
> pivot sales on year, kind using count(*) group by city
: city string, 2023_a int, 2023_b int, 2024_a int, 2024_b int
["Rom", 1, 0, 1, 1]
["Ulm", 0, 1, 1, 0]
[null, 0, 0, 0, 1]
> pivot sales on city using avg(units)
: _id id, year int, kind string, price decimal(2), ok bool, Rom decimal(4), Ulm decimal(4)
[1, 2023, "a", 1.50, true, 5.0000, null]
[2, 2024, "a", 2.00, true, 7.0000, null]
[3, 2023, "b", 0.25, false, null, 1.0000]
[4, 2024, "a", 3.00, null, null, null]
[5, 2024, "b", null, true, null, null]
[6, 2024, "b", 4.00, false, 4.0000, null]
> pivot sales on city in ('Ulm', 'Bonn') using max(price), sum(units) group by kind
: kind string, Ulm_max(price) decimal(2), Ulm_sum(units) int, Bonn_max(price) decimal(2), Bonn_sum(units) int
["a", 3.00, null, null, null]
["b", 0.25, 1, null, null]
> pivot sales on ok group by city
: city string, false int, true int
["Rom", 1, 2]
["Ulm", 1, 0]
[null, 0, 1]
> pivot sales on city || '-' || kind using list(year) group by ok
: ok bool, Rom-a list(int), Rom-b list(int), Ulm-a list(int), Ulm-b list(int)
[false, null, [2024], null, [2023]]
[true, [2023, 2024], null, null, null]
[null, null, null, [2024], null]
> select * from sales pivot (sum(units) as u, max(price) for year in (2023 as y23, 2024) group by city)
: city string, y23_u int, y23_max(price) decimal(2), 2024_u int, 2024_max(price) decimal(2)
["Rom", 5, 1.50, 11, 4.00]
["Ulm", 1, 0.25, null, 3.00]
[null, null, null, 2, null]
> select city, "2024" from (pivot sales on year using sum(units) group by city) where city = 'Rom'
["Rom", 11]
> select s.city, s.rom from (select city, units from sales where kind = 'a') q pivot (sum(units) for city in ('Rom')) s
! column 'city' not found
> select p.rom from (select city, units from sales where kind = 'a') q pivot (sum(units) for city in ('Rom')) p
[12]
> with p as (pivot sales on year using sum(units) group by city) select count(*) from p
[3]
> pivot sales on year using sum(units) group by city union all select 'x', 1, 2 order by 1 limit 2
! unexpected
> pivot sales on year using units
! PIVOT takes aggregates
> pivot sales on nope using sum(units)
! column 'nope' not found
> pivot sales on year in ('x') using sum(units)
! types 'int' and 'string' are not equatable
> pivot sales on list_value(1) using sum(units)
! cannot be pivoted on
> select * from sales pivot (sum(units) for year in (select 1))
! literal expression expected

-- Bitmaps form the groups; a condition outside goes to them.
> explain select * from (pivot sales on year using sum(units) group by city) where city = 'Rom'
[1, "bitmaps", "sales: CountRecords(filter=Not(operand=HasValue(field='city')))", 1, 1, 1]
[2, "bitmaps", "sales: CountRecords(filter=Intersect(operands=(HasRow(field='city', rows=('Rom')), Not(operand=HasValue(field='city')))))", 1, 0, 1]
[3, "bitmaps", "sales: CountRecords(filter=Not(operand=HasValue(field='year')))", 0, 0, 1]
[4, "bitmaps", "sales: GroupRecords(keys=(GroupKey(field='city'), GroupKey(field='year')), filter=HasRow(field='city', rows=('Rom')), measures=(Measure(kind='sum', field='units')))", 3, 3, 2]
[5, "duckdb", "select", 2, 2, 1]
> explain select k, v from (unpivot sales on units, year into name k value v) where city = 'Ulm'
[1, "bitmaps", "sales: ExtractRecords(fields=('units', 'year'), filter=HasRow(field='city', rows=('Ulm')))", 2, 2, 2]
[2, "duckdb", "select", 2, 2, 3]

> unpivot sales on units, year into name what value v
: _id id, city string, kind string, price decimal(2), ok bool, what string, v int
[1, "Rom", "a", 1.50, true, "units", 5]
[1, "Rom", "a", 1.50, true, "year", 2023]
[2, "Rom", "a", 2.00, true, "units", 7]
[2, "Rom", "a", 2.00, true, "year", 2024]
[3, "Ulm", "b", 0.25, false, "units", 1]
[3, "Ulm", "b", 0.25, false, "year", 2023]
[4, "Ulm", "a", 3.00, null, "year", 2024]
[5, null, "b", null, true, "units", 2]
[5, null, "b", null, true, "year", 2024]
[6, "Rom", "b", 4.00, false, "units", 4]
[6, "Rom", "b", 4.00, false, "year", 2024]
> unpivot sales on units, year into name what value v order by v desc, _id, what limit 2 offset 1
[4, "Ulm", "a", 3.00, null, "year", 2024]
[5, null, "b", null, true, "year", 2024]
> pivot sales on kind using count(*) group by city order by a desc, city limit 2
["Rom", 2, 1]
["Ulm", 1, 1]
> select _id, what, v from (unpivot sales on units, price into name what value v) where _id in (1, 4, 5)
: _id id, what string, v decimal(2)
[1, "units", 5.00]
[1, "price", 1.50]
[4, "price", 3.00]
[5, "units", 2.00]
> select _id, n, v from sales unpivot include nulls (v for n in (units as 'U', price)) where _id > 3
[4, "U", null]
[4, "price", 3.00]
[5, "U", 2.00]
[5, "price", null]
[6, "U", 4.00]
[6, "price", 4.00]
> select city, v from (unpivot (select city, units, year from sales) on columns(* exclude (city))) s(city, n, v) where n = 'units' and city = 'Rom'
["Rom", 5]
["Rom", 7]
["Rom", 4]
> unpivot sales on units, kind into name n value v
! types 'int' and 'string' are not equatable
> unpivot sales on units + 1 into name n value v
! a column is expected
> create view by_year as pivot sales on year using sum(units) group by city
> select * from by_year where city = 'Ulm'
["Ulm", 1, null]

-- UNPIVOT of several columns of values; a row goes where one of them is null.
+ create table halves (_id id, a int, b decimal(1), c int, d int, e string)
+ insert into halves values (1, 2, 3.5, 4, 5, 'x'), (2, null, null, 6, null, 'y')
> unpivot (select _id, a, b, c, d from halves) on (a, b), (c, d) into name n value x, y
: _id id, n string, x int, y decimal(1)
[1, "a_b", 2, 3.5]
[1, "c_d", 4, 5.0]
> select * from (unpivot halves on (a, b) as q1, (c, d) into name n value x, y) order by n limit 1
[1, "x", "c_d", 4, 5.0]
> select n, x, y from halves unpivot ((x, y) for n in ((a, b) as 'q1', (c, d) as 'q2')) where _id = 1
["q1", 2, 3.5]
["q2", 4, 5.0]
> select n, x, y from halves unpivot include nulls ((x, y) for n in ((a, b) as 'q1', (c, d))) where _id = 2
["q1", null, null]
["c_d", 6, null]
> unpivot halves on (a, b), c into name n value x, y
! UNPIVOT makes 2 columns of values; 1 columns stand here
> unpivot halves on (a, e), (c, d) into name n value x, y
! types 'string' and 'int' are not equatable
> unpivot halves on (a, b) into name n value x
! UNPIVOT makes 1 columns of values; 2 columns stand here
