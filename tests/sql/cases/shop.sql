-- The table most cases ask about: every type of column, records in two shards, one of them without
-- any value but its existence (record 9), values missing here and there.

+ create table shop (_id id, colour idset, tags stringset, kind id, label string,
+   seen idsetq timequantum 'YMD', visits stringsetq timequantum 'YMDH', active bool,
+   age int min -100 max 1000, price decimal(2), born timestamp timeunit 's',
+   logged timestamp timeunit 'ms')
+ insert into shop values
+   (1, [1, 2], ['red', 'blue'], 10, 'x', {'2024-05-06T10:00:00Z', [7]},
+    {'2024-05-06T10:30:00Z', ['home']}, true, 30, 12.99, '2000-01-01', '2024-05-06T10:00:00.250Z'),
+   (2, [1], ['blue'], 20, 'y', {'2024-05-07T00:00:00Z', [7]}, {'2024-05-06T11:00:00Z', ['home']},
+    false, -5, -0.50, '1969-12-31T23:59:59Z', null),
+   (3, [3], ['a b'], 10, 'x', {'2023-12-31T23:59:00Z', [8]}, {'2024-05-06T10:00:00Z', ['shop']},
+    true, 30, 100, '2000-01-01T00:00:00Z', null),
+   (4, null, null, 30, null, [7], null, null, 0, null, null, '2024-05-06T10:00:00Z'),
+   (1048577, [1], ['red'], null, 'z', {1714953600, [8]}, null, false, 1000, 0.01, null, null)
+ insert into shop (_id, colour) values (9, [99])
+ update shop set colour = null where _id = 9
