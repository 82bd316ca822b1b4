-- What a function would make is bounded before it is made, constants included.
+ create table t (_id id, a int)
+ insert into t values (1, 3), (2, null)
> select len(replicate('xy', 1000000000)), 1
! [1:12] value '1000000000' out of range
> select replicate('xy', 9000000000000000000)
! out of range
> select len(replicate('x', 16000000)), len(space(1000000)), len(rpad('x', 1000000, 'y'))
[16000000, 1000000, 1000000]
> select lpad('x', 2000000000, 'y')
! value '2000000000' out of range
> select str(1, 2000000000)
! value '2000000000' out of range
> select to_base(5, 2, 2000000000)
! value '2000000000' out of range
> select format('%1000000000d|%5d', 1, 2)
["%!(BADWIDTH)|    2"]
> select range(2000000000)
! range() makes at most 1,000,000 numbers
> select len(range(1000000)), len(list_resize(list_value(1), 200000))
[1000000, 200000]
> select list_resize(list_value(1), 2000000)
! list_resize() makes a list of 0 to 1,000,000, not 2000000
> select list_resize(list_value(1), -1)
! list_resize() makes a list of 0 to 1,000,000, not -1
> select replicate('ab', a), lpad('x', a, 'y'), space(a), str(a, 4), list_resize(list_value(1), a), range(a), generate_series(1, a) from t
["ababab", "yyx", "   ", "   3", [1, null, null], [0, 1, 2], [1, 2, 3]]
[null, null, null, null, null, null, null]
> select replicate('ab', a * 100000) from t
! value '300000' out of range
> select range(a * 100000) from t
! range() makes at most 10,000 numbers
> select list_transform(range(3), x -> replicate('y', x)), list_transform(range(3), x -> range(x))
[["", "y", "yy"], [[], [0], [0, 1]]]
> select list_transform(range(2), x -> replicate('y', 100000 + x))
! value '100000' out of range
> select list_transform(range(2), x -> range(10000 + x))
! range() makes at most 1,000 numbers
> select range(5, 1), range(5, 1, -2), generate_series(3)
[[], [5, 3], [0, 1, 2, 3]]
