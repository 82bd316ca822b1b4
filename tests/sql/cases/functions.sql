-- Functions and operators, with the reference's semantics: positions from 0, quotients cut, nulls.

-- Arithmetic.
> select 7 / 2, -7 / 2, 7 % 3, -7 % 3, 2 + 3 * 4, (2 + 3) * 4
: int, int, int, int, int, int
[3, -3, 1, -1, 14, 20]
> select 1.5 + 1, 1.5 * 1.50, 1.00 / 3, 10 / 4.0, -1.5, 2.50 - 0.5
: decimal(1), decimal(3), decimal(2), decimal(1), decimal(1), decimal(2)
[2.5, 2.250, 0.33, 2.5, -1.5, 2.00]
> select 6 & 3, 6 | 3, 1 << 4, 256 >> 4, ~5, 1 << 62
[2, 7, 16, 16, -6, 4611686018427387904]
> select 'a' || 'b' || 'c', null || 'x', 1 + null, null = null
["abc", null, null, null]
> select 1 / 0
! [1:8] divisor is equal to zero
> select 1.5 / 0.0
! divisor is equal to zero
> select 5 % 0
! divisor is equal to zero
> select 9223372036854775807 + 1
! value '9223372036854775808' out of range
> select 99999999999999999999
! value '99999999999999999999' out of range
> select true + 1
! [1:8] operator '+' incompatible with type 'bool'
> select 1 - 'x'
! operator '-' incompatible with type 'string'
> select 1.5 % 2
! operator '%' incompatible with type 'decimal(1)'
> select 1.5 & 2
! operator '&' incompatible with type 'decimal(1)'
> select 1 || 'x'
! operator '||' incompatible with type 'int'
> select -'x'
! operator '-' incompatible with type 'string'
> select 1 = 'x'
! types 'int' and 'string' are not equatable
> select [1] = ['a']
! types 'idset' and 'stringset' are not equatable
> select 1 << -1
! value '-1' out of range

-- Comparisons.
> select 1 = 1.0, 1 <> 2, 'a' < 'b', 2 between 1 and 3, 2 not between 1 and 3, 'abc' like 'a%', 'abc' not like '_b'
[true, true, true, true, false, true, true]
> select 1 in (1, 2), 3 not in (1, 2), 3 in (1, null), null is null, 1 is not null, not true
[true, true, null, true, true, false]
> select [1, 2] = [2, 1], ['a'] <> ['b'], null and false, null or true
[true, true, false, true]
> select case when 1 > 2 then 'a' when true then 'b' end, case 5 when 5 then 1.5 else 2 end, case when false then 1 end
: string, decimal(1), int
["b", 1.5, null]
> select case when 1 then 2 end
! boolean expression expected

-- Strings.
> select len('abc'), upper('aBc'), lower('aBc'), reverse('abc'), reverse(null), trim('  a '), ltrim('  a '), rtrim('  a ')
[3, "ABC", "abc", "cba", null, "a", "a ", "  a"]
> select substring('hello', 0, 2), substring('hello', 3), substring('hello', 1, 100), substring(null, 1)
["he", "lo", "ello", null]
> select substring('hello', -1)
! [1:8] value '-1' out of range
> select substring('hello', 5)
! value '5' out of range
> select substring('hello', 1, -1)
! value '-1' out of range
> select prefix('hello', 2), suffix('hello', 2), prefix('hello', 0), prefix('hello', 5)
["he", "lo", "", "hello"]
> select prefix('hello', 6)
! value '6' out of range
> select charindex('l', 'hello'), charindex('z', 'hello'), charindex('l', 'hello', 3), charindex('h', 'hello', 1)
[2, -1, 3, -1]
> select replaceall('aXbX', 'X', '--'), stringsplit('a,b,c', ','), stringsplit('a,b,c', ',', 2), stringsplit('a,b', ',', 5)
["a--b--", "a", "c", ""]
> select ascii('A'), char(65), '[' || space(3) || ']', replicate('ab', 3)
[65, "A", "[   ]", "ababab"]
> select ascii('AB')
! value 'AB' should be of the length 1
> select char(256)
! value '256' out of range
> select str(12), str(12.345, 8, 2), str(12.5), str(-0.6, 5), str(123456, 3), str(1.005, 6, 2)
["        12", "   12.35", "        13", "   -1", "***", "  1.01"]
> select format('%s has %d of %v: %5.1f%%', 'x', 3, true, 12.34), format('%05d|%x|%q', 42, 255, 'a'), format('none')
["x has 3 of true:  12.3%", "00042|ff|\"a\"", "none"]
> select format('%d %d', 1), format('%d', 1, 2)
["1 %!d(MISSING)", "1%!(EXTRA 2)"]
> select coalesce(null, null, 5), coalesce('a', 'b'), coalesce(null, 1.5, 2)
: int, string, decimal(1)
[5, "a", 1.5]
> select coalesce(1, 'a')
! types 'int' and 'string' are not equatable
> select upper(1)
! an expression of type 'int' cannot be passed to a parameter of type 'string'
> select len('a', 'b')
! 'len': count of formal parameters (1) does not match count of actual parameters (2)
> select nofunction(1)
! [1:8] unknown function 'nofunction'
> select abs(-5), abs(-1.50), round(2.567, 1), round(2.5), floor(-2.5), ceil(2.1), greatest(1, 3, 2), least(1.5, 1), nullif(1, 1)
: int, decimal(2), decimal(1), decimal(0), int, int, int, decimal(1), int
[5, 1.50, 2.6, 3, -3, 3, 3, 1.0, null]

-- Times.
> select datetimepart('YY', '2024-02-29T13:14:15.016Z'), datetimepart('m', '2024-02-29'), datetimepart(D, '2024-02-29'), datetimepart('HH', '2024-02-29T13:14:15Z'), datetimepart('MI', '2024-02-29T13:14:15Z'), datetimepart('S', '2024-02-29T13:14:15Z')
[2024, 2, 29, 13, 14, 15]
> select datetimepart('MS', '2024-02-29T13:14:15.016017018Z'), datetimepart('US', '2024-02-29T13:14:15.016017018Z'), datetimepart('NS', '2024-02-29T13:14:15.016017018Z'), datetimepart('W', '2024-02-29'), datetimepart('WD', '2024-02-29'), datetimepart('YD', '2024-02-29')
[16, 16017, 16017018, 9, 4, 60]
> select datetimename('M', '2024-02-29'), datetimename('WD', '2024-02-29'), datetimename('YY', '2024-02-29')
["February", "Thursday", "2024"]
> select datetimeadd('YY', 1, '2024-02-29'), datetimeadd('M', 1, '2024-01-31'), datetimeadd('D', -1, '2024-03-01'), datetimeadd('NS', 5, '2024-03-01')
: timestamp, timestamp, timestamp, timestamp
["2025-03-01T00:00:00Z", "2024-03-02T00:00:00Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00.000000005Z"]
> select datetimediff('D', '2024-02-28', '2024-03-01'), datetimediff('YY', '2023-12-31', '2024-01-01'), datetimediff('HH', '2024-01-01T10:59:00Z', '2024-01-01T08:00:00Z'), datetimediff('MS', '2024-01-01', '2024-01-01T00:00:01Z')
[2, 1, -2, 1000]
> select datetimefromparts(2024, 2, 29, 13, 14, 15, 16)
["2024-02-29T13:14:15.016Z"]
> select datetimefromparts(2023, 2, 29, 0, 0, 0, 0)
! value '29' out of range
> select date_trunc('YY', '2024-02-29T13:14:15.016Z'), date_trunc('M', '2024-02-29'), date_trunc('HH', '2024-02-29T13:14:15Z'), date_trunc('S', '2024-02-29T13:14:15Z'), date_trunc('MS', '2024-02-29T13:14:15.016Z')
["2024", "2024-02", "2024-02-29T13", "2024-02-29T13:14:15", "2024-02-29T13:14:15.016"]
> select totimestamp(0), totimestamp(1709212455, 's'), totimestamp(1709212455016, 'ms'), totimestamp(5, 'ns')
["1970-01-01T00:00:00Z", "2024-02-29T13:14:15Z", "2024-02-29T13:14:15.016Z", "1970-01-01T00:00:00.000000005Z"]
> select parsetimestamp('29/02/2024 13:14', '02/01/2006 15:04'), parsetimestamp('Feb 3, 2024', 'Jan 2, 2006')
["2024-02-29T13:14:00Z", "2024-02-03T00:00:00Z"]
> select parsetimestamp('x', '2006')
! unable to convert 'x' to type 'timestamp'
> select datetimepart('X', '2024-01-01')
! 'X' is not a valid time unit
> select totimestamp(1, 'h')
! 'h' is not a valid time unit
> select datetimepart('YY', 'x')
! unable to convert 'x' to type 'timestamp'
> select current_timestamp > '2020-01-01', current_date <= current_timestamp
[true, true]

-- Sets.
> select setcontains([1, 2], 2), setcontainsany(['a'], ['b', 'a']), setcontainsall(['a'], ['b', 'a']), setcontains(null, 1)
[true, true, false, null]
> select tanimoto_coefficient([1, 2, 3], [2, 3, 4])
: decimal(4)
[0.5000]
> select setcontains(['a'], 1)
! types 'stringset' and 'int' are not equatable
> select setcontains(1, 1)
! set expression expected
> select [], 1
! set literal must contain at least one member
> select [1, 'a']
! types 'int' and 'string' are not equatable

-- Casts.
> select cast('12' as int), cast(12 as string), cast(1 as bool), cast('true' as bool), cast(5 as decimal(2)), cast('1.25' as decimal(1)), cast(2.9 as int), cast(-2.9 as int)
: int, string, bool, bool, decimal(2), decimal(1), int, int
[12, "12", true, true, 5.00, 1.3, 2, -2]
> select cast('2024-02-29' as timestamp), cast(60 as timestamp), cast(cast(60 as timestamp) as int), cast(cast(60 as timestamp) as string)
["2024-02-29T00:00:00Z", "1970-01-01T00:01:00Z", 60, "1970-01-01T00:01:00Z"]
> select cast(1.50 as string), cast(true as int), cast([1, 2] as string), cast(null as int)
["1.50", 1, "[1,2]", null]
> select cast('x' as int)
! unable to convert 'x' to type 'int'
> select cast(true as timestamp)
! 'bool' cannot be cast to 'timestamp'
> select cast(1 as what)
! unknown type 'what'
> select cast(-1 as id)
! out of range
