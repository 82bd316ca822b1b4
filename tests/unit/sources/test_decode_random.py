"""What is decoded is what a naive reading of each record by itself says, whatever is sent.

Random schemas and bodies (numbers as text, exponents, extremes, wrong kinds, nulls, keys given
twice, escapes, blanks) are compared record by record with Python's json and exact fractions: the
same good records with the same values, the same codes for the bad ones. Then bytes of such bodies
are damaged: only the documented errors appear, and what is JSON still is read as the model says.
"""

import calendar
import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bitbrook.engine.batch import ID_COLUMN, TIME_SUFFIX, Batch, OperationKind
from bitbrook.engine.columns import check_columns
from bitbrook.errors import InvalidBody
from bitbrook.schema.field_types import TableSchema
from bitbrook.sources.decode import Decoded, Decoder
from bitbrook.sources.schema import SourceSchema, check_schema, fields_of, keys_records

INT64 = (-(2**63), 2**63 - 1)
YEARS_S = (-62_135_596_800, 253_402_300_799)
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
UNIT_NS = {
    "d": 86_400 * 10**9,
    "h": 3600 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "ns": 1,
    "6h": 21600 * 10**9,
}


class Num(str):
    """A JSON number as it was written."""

    __slots__ = ()


class Bad(Exception):
    """A value that cannot be, with its code."""


class Missing(Exception):
    """A value that is not there."""


# --- the model: one value at a time -----------------------------------------------------------


def decimal_parts(value: Any) -> tuple[int, int]:
    """A number or its text as mantissa (without zeros at its end) and exponent."""
    match = isinstance(value, str) and re.fullmatch(
        r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?", value, re.ASCII
    )
    if not match or not (match[2] or match[3]):
        raise Bad("InvalidValue")
    fraction = match[3] or ""
    mantissa = int(match[2] + fraction) * (-1 if match[1] == "-" else 1)
    exponent = int(match[4] or 0) - len(fraction)
    if mantissa == 0:
        return 0, 0
    while mantissa % 10 == 0:
        mantissa, exponent = mantissa // 10, exponent + 1
    return mantissa, exponent


def whole(value: Any, low: int, high: int, scale: int = 0) -> int:
    mantissa, exponent = decimal_parts(value)
    exponent += scale if mantissa else 0
    if exponent < 0:
        raise Bad("InvalidValue")
    if exponent > 40 or not low <= mantissa * 10**exponent <= high:
        raise Bad("OutOfRange")
    return int(mantissa * 10**exponent)


def billionths(value: Any) -> int:
    """floor(number * 10^9), of numbers whose digits fit 64 bits."""
    mantissa, exponent = decimal_parts(value)
    if exponent < 0 and abs(mantissa) >= 2**64:
        raise Bad("InvalidValue")
    if exponent > 40:
        raise Bad("OutOfRange")
    if exponent < -60:
        return -1 if mantissa < 0 else 0
    result = math.floor(mantissa * Fraction(10) ** (exponent + 9))
    if not INT64[0] <= result // 10**9 <= INT64[1]:
        raise Bad("OutOfRange")
    return result


def text_ns(value: str) -> int:
    """RFC 3339 text as nanoseconds since the Unix epoch; Go takes an hour of one digit."""
    match = re.fullmatch(
        r"(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(Z|([+-])(\d\d):(\d\d))",
        value,
        re.ASCII,
    )
    if not match:
        raise Bad("InvalidValue")
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    if not (1 <= month <= 12 and hour < 24 and minute < 60 and second < 60):
        raise Bad("InvalidValue")
    leap = calendar.isleap(year)
    days_of_month = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if not 1 <= day <= days_of_month[month - 1]:
        raise Bad("InvalidValue")
    before = year - 1
    days = before * 365 + before // 4 - before // 100 + before // 400
    days += sum(days_of_month[: month - 1]) + day - 1 - 719_162
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second
    if match[9]:
        if int(match[10]) > 24 or int(match[11]) > 60:
            raise Bad("InvalidValue")
        seconds -= (int(match[10]) * 3600 + int(match[11]) * 60) * (-1 if match[9] == "-" else 1)
    return seconds * 10**9 + int(((match[7] or "") + "0" * 9)[:9])


def time_ns(value: Any, config: dict[str, Any], per_second: int) -> int:
    """A time in units of which `per_second` make a second, since the Unix epoch."""
    unit_ns = UNIT_NS[config.get("Unit", "s")]
    if isinstance(value, str) and not isinstance(value, Num):
        try:
            return text_ns(value) * per_second // 10**9
        except Bad:
            if not config.keys() & {"Unit", "Epoch"}:
                raise
    x = billionths(value)
    return (x * unit_ns + config.get("Epoch", 0) * 10**18) * per_second // 10**18


def within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise Bad("OutOfRange")
    return value


def read_timestamp(value: Any, config: dict[str, Any]) -> int:
    per = PER_SECOND[config.get("Granularity", "s")]
    low, high = YEARS_S[0] * per, (YEARS_S[1] + 1) * per - 1
    return within(time_ns(value, config, per), max(low, INT64[0]), min(high, INT64[1]))


def read_date_int(value: Any, config: dict[str, Any]) -> int:
    unit = config.get("CustomUnit") or config.get("Unit", "s")
    if isinstance(value, str) and not isinstance(value, Num):
        try:
            ns = text_ns(value)
        except Bad:
            if not config.keys() & {"Unit", "Epoch"}:
                raise
        else:
            return within((ns - config.get("Epoch", 0) * 10**9) // UNIT_NS[unit], *INT64)
    return within(billionths(value) // 10**9, *INT64)


def read_text(value: Any) -> str:
    if not isinstance(value, str) or isinstance(value, Num):
        raise Bad("InvalidValue")
    return re.sub("[\ud800-\udfff]", "\ufffd", value)  # half a pair of surrogates is no text


def read_list(value: Any, read: Callable[[Any], Any]) -> list[Any]:
    if not isinstance(value, list):
        raise Bad("InvalidValue")
    members, faults = [], []
    for member in value:
        try:
            members.append(read(member))
        except Bad as bad:
            faults.append(bad)
    if faults:
        # The gravest of the members' faults is the list's.
        raise max(faults, key=lambda bad: ["OutOfRange", "InvalidValue"].index(bad.args[0]))
    return members


def read_bool(value: Any) -> bool:
    if value is True or value is False:
        return value
    known = (
        {"true": True, "false": False} if not isinstance(value, Num) else {"1": True, "0": False}
    )
    if isinstance(value, str) and value in known:
        return known[value]
    raise Bad("InvalidValue")


def row_id(value: Any) -> int:
    return whole(value, 0, 2**64 - 1)


def read_value(entry: dict[str, Any], value: Any) -> Any:
    config = entry["config"]
    match entry["type"]:
        case "id":
            return row_id(value)
        case "ids":
            return read_list(value, row_id)
        case "string":
            return read_text(value)
        case "strings":
            return read_list(value, read_text)
        case "bool":
            return read_bool(value)
        case "int":
            return whole(value, config.get("Min", INT64[0]), config.get("Max", INT64[1]))
        case "decimal":
            return whole(value, *INT64, config.get("Scale", 0))
        case "signedIntBoolKey":
            return whole(value, *INT64)
        case "recordTime":
            return within(time_ns(value, config, 10**9) // 10**9, *YEARS_S)
        case "dateInt":
            return read_date_int(value, config)
        case _:
            return read_timestamp(value, config)


# --- the model: one record at a time ----------------------------------------------------------


def find(record: dict[str, Any], path: list[str]) -> Any:
    value: Any = record
    for key in path:
        value = value.get(key)
        if value is None:
            raise Missing
    return value


def check_objects(record: Any, schema: dict[str, Any]) -> None:
    """Raise if a path leads through what is not an object."""
    for entry in schema["definition"]:
        value = record
        for key in entry["path"][:-1]:
            value = value.get(key)
            if value is None:
                break
            if not isinstance(value, dict):
                raise Bad("InvalidValue")


def read_record(member: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """The values of one record by field, with None where one is missing."""
    if not isinstance(member, dict) or not isinstance(member.get("value"), dict):
        raise Bad("InvalidBody")
    record = member["value"]
    check_objects(record, schema)
    values = {}
    for entry in schema["definition"]:
        is_identity = entry["name"] in identity_of(schema)
        try:
            values[entry["name"]] = read_value(entry, find(record, entry["path"]))
        except Missing:
            if is_identity or not schema["allow_missing_fields"]:
                raise Bad("MissingField") from None
            values[entry["name"]] = None
        except Bad as bad:
            raise Bad("InvalidId") if is_identity else bad from None
    return values


def identity_of(schema: dict[str, Any]) -> list[str]:
    return schema.get("primary_key_fields") or [schema["id_field"]]


def key_text(entry: dict[str, Any], value: Any, special: str) -> str:
    if isinstance(value, list):
        return "".join(key_text(entry, member, special + ",") + "," for member in value)
    if isinstance(value, bool):
        return str(value).lower()
    if entry["type"] == "decimal" and (scale := entry["config"].get("Scale", 0)):
        text = f"{abs(value) // 10**scale}.{abs(value) % 10**scale:0{scale}}".rstrip("0").rstrip(
            "."
        )
        return ("-" if value < 0 else "") + text
    return re.sub(f"([{re.escape(special)}])", r"\\\1", str(value)) if special else str(value)


def id_of(values: dict[str, Any], schema: dict[str, Any]) -> int | str:
    entries = {entry["name"]: entry for entry in schema["definition"]}
    names = identity_of(schema)
    if "id_field" in schema:
        value: int | str = values[names[0]]
        return value
    special = "\\|" if len(names) > 1 else ""
    return "|".join(
        key_text(
            entries[n], values[n], special or ("\\|" if entries[n]["type"].endswith("s") else "")
        )
        for n in names
    )


Expected = tuple[list[dict[str, Any]], dict[int, str], dict[tuple[Any, str], set[int]]]


def read_naively(members: list[Any], schema: dict[str, Any]) -> Expected:
    """The good records as they are stored, the codes of the bad, and the rows of signed fields."""
    good, codes = [], {}
    signed: dict[tuple[Any, str], set[int]] = {}
    for index, member in enumerate(members):
        try:
            values = read_record(member, schema)
        except Bad as bad:
            codes[index] = bad.args[0]
            continue
        record_id = id_of(values, schema)
        row = {ID_COLUMN: record_id}
        time_field = next(
            (e["name"] for e in schema["definition"] if e["type"] == "recordTime"), None
        )
        for entry in schema["definition"]:
            name, value = entry["name"], values[entry["name"]]
            if name in identity_of(schema) or entry["type"] == "recordTime":
                continue
            if entry["type"] == "signedIntBoolKey":
                if value is not None:
                    rows = signed.setdefault((record_id, name), set())
                    rows.add(value) if value >= 0 else rows.discard(-value)
                value = None if value is None or value < 0 else value
            if value is not None and entry["type"] in {"id", "string", "signedIntBoolKey"}:
                value = value if entry["config"].get("Mutex") else [value]
            row[name] = value
            if entry["config"].get("Quantum") and time_field is not None:
                row[name + TIME_SUFFIX] = values[time_field]
        good.append(row)
    return good, codes, signed


def rows_after(batch: Batch, names: list[str]) -> dict[tuple[Any, str], set[int]]:
    """The rows of signed fields once the operations are applied in order."""
    rows: dict[tuple[Any, str], set[int]] = {}
    for operation in batch.operations:
        for record in operation.records.to_pylist():
            for name in names:
                if (members := record.get(name)) is not None:
                    held = rows.setdefault((record[ID_COLUMN], name), set())
                    held |= set(members) if operation.kind is OperationKind.UPSERT else set()
                    held -= set(members) if operation.kind is OperationKind.CLEAR else set()
    return rows


# --- random schemas and bodies ----------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-20, 20).map(str),
    st.sampled_from([*map(str, INT64), str(2**63), str(-(2**63) - 1), str(2**64 - 1), str(2**64)]),
    st.decimals(-1000, 1000, places=3).map(lambda number: f"{number:f}"),
    st.sampled_from(
        [
            "1e3",
            "1E+2",
            "-1e0",
            "1.50",
            "0.0",
            "-0",
            "1e400",
            "-1e-400",
            "1e-1",
            "100e-2",
            "1714521600.123456789",
            "0e999999999999",
            "123456789012345678901234567890",
            "0.12345678901234567890123",
            "1e99999999999999999999",
            "-0.0000000001",
            "9223372036854775807.0",
            "-9223372036854775808.5",
            "4e9",
            "-62135596801",
            "253402300800",
        ]
    ),
)
TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "a",
            "b|c",
            "\\",
            ",",
            "true",
            "1",
            "é",
            "\x00",
            "null",
            '"',
            "\x1e",
            " 5",
            "+5",
            ".5",
            "5.",
        ]
    ),
    st.text(max_size=4),
    NUMBERS,
)
TIMES = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.sampled_from(
        [
            "2024-02-29T23:59:59Z",
            "2023-02-29T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.9-01:00",
            "2024-05-01T1:02:03.123456789123+05:30",
            "2024-05-01T00:00:60Z",
            "2024-13-01T00:00:00Z",
            "1677-09-21T00:12:43Z",
            "2262-04-12T00:00:00Z",
            "2024-05-01",
            "2024-05-01T00:00:00,5Z",
        ]
    ),
)


def quoted(text: str) -> str:
    return json.dumps(text)


ODD = st.one_of(
    st.sampled_from(
        [
            "null",
            "true",
            "false",
            "0",
            "1",
            "{}",
            "[]",
            "[null]",
            '{"a": [1, "x"]}',
            '"\\u0031"',
            "[[1]]",
            '[1, "2", -1, "x"]',
        ]
    ),
    NUMBERS,
    TEXTS.map(quoted),
    TEXTS.map(lambda text: json.dumps(text, ensure_ascii=False)),
)


def listed(members: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(members, max_size=3).map(lambda texts: f"[{', '.join(texts)}]")


GOOD: dict[str, st.SearchStrategy[str]] = {
    "id": st.integers(0, 5).map(str) | NUMBERS,
    "ids": listed(st.integers(0, 9).map(str)),
    "string": st.sampled_from("abc").map(quoted) | TEXTS.map(quoted),
    "strings": listed(TEXTS.map(quoted)),
    "bool": st.sampled_from(["true", "false", '"true"', '"false"', "0", "1"]),
    "int": NUMBERS | NUMBERS.map(quoted),
    "decimal": NUMBERS | NUMBERS.map(quoted),
    "signedIntBoolKey": st.integers(-3, 3).map(str),
    "recordTime": TIMES.map(quoted) | NUMBERS,
    "dateInt": TIMES.map(quoted) | NUMBERS,
    "timestamp": TIMES.map(quoted) | NUMBERS | NUMBERS.map(quoted),
}
TYPES = sorted(GOOD)


@st.composite
def configs(draw: st.DrawFn, type_: str) -> dict[str, Any]:
    match type_:
        case "id" | "string":
            return draw(st.sampled_from([{}, {"Mutex": True}, {"Quantum": "YMD"}]))
        case "ids" | "strings":
            return draw(st.sampled_from([{}, {"Quantum": "Y", "TTL": "24h"}]))
        case "int":
            return draw(st.sampled_from([{}, {"Min": -10, "Max": 10}, {"Min": 0}]))
        case "decimal":
            return {"Scale": draw(st.sampled_from([0, 2, 18]))}
        case "recordTime" | "dateInt" | "timestamp":
            config: dict[str, Any] = draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "Unit": st.sampled_from(["d", "h", "s", "ms", "ns"]),
                        "Epoch": st.sampled_from([-86_400, 946_684_801, 253_402_300_799]),
                    },
                )
            )
            if type_ == "timestamp":
                config["Granularity"] = draw(st.sampled_from(sorted(PER_SECOND)))
            if type_ == "dateInt" and draw(st.booleans()):
                config |= {"Unit": "c", "CustomUnit": "6h"}
            return config
        case _:
            return {}


@st.composite
def schemas(draw: st.DrawFn) -> dict[str, Any]:
    types = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=6))
    types = [t for i, t in enumerate(types) if t != "recordTime" or "recordTime" not in types[:i]]
    definition = [
        {
            "name": f"f{number}",
            "type": type_,
            "config": draw(configs(type_)),
            "path": draw(
                st.sampled_from(
                    [[f"f{number}"], ["o", f"f{number}"], ["o", "p", f"f{number}"], ["x"]]
                )
            ),
        }
        for number, type_ in enumerate(types)
    ]
    schema: dict[str, Any] = {"definition": definition, "allow_missing_fields": draw(st.booleans())}
    keys = [entry["name"] for entry in definition if entry["type"] != "recordTime"]
    if keys and draw(st.booleans()):
        schema["primary_key_fields"] = draw(st.permutations(keys))[:3]
    else:
        type_ = draw(st.sampled_from(["id", "string"]))
        definition.insert(0, {"name": "Key", "type": type_, "config": {}, "path": ["key"]})
        schema["id_field"] = "Key"
    return schema


def written(tree: dict[str, Any]) -> str:
    members = (f"{quoted(k)}:{written(v) if isinstance(v, dict) else v}" for k, v in tree.items())
    return "{" + ", ".join(members) + "}"


@st.composite
def records(draw: st.DrawFn, schema: dict[str, Any]) -> str:
    """One member of a body's list, as text."""
    kind = draw(st.integers(0, 30))
    if kind == 0:
        return draw(
            st.sampled_from(["{}", "null", "[]", '{"value": 3}', '{"value": null}', "7", '"x"'])
        )
    tree: dict[str, Any] = {"unknown": "[1, {}]"} if kind < 5 else {}
    for entry in schema["definition"]:
        if (fate := draw(st.integers(0, 14))) == 0:
            continue
        inner = tree
        for key in entry["path"][:-1]:
            inner = inner.setdefault(key, {})
        inner[entry["path"][-1]] = draw(ODD if fate == 1 else GOOD[entry["type"]])
    if kind == 1:
        tree["o"] = draw(st.sampled_from(["null", "5", "[]", '"x"']))
    text = written(tree)
    if kind == 2:
        # A key that comes twice: the last one counts.
        name = draw(
            st.sampled_from(
                [e["path"][0] for e in schema["definition"] if len(e["path"]) == 1] or ["z"]
            )
        )
        text = f"{{{quoted(name)}: {draw(ODD)}, {text[1:]}" if len(text) > 2 else text
    return f'{{"value": {text}}}'


@st.composite
def requests(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    schema = draw(schemas())
    members = draw(st.lists(records(schema), max_size=6))
    return schema, f'{{"records": [{", ".join(members)}], "other": 1}}'


# --- the comparison ---------------------------------------------------------------------------


class KeyTwice(Exception):
    """An object with a key twice, where damage made it so."""


def parse_strictly(text: str, *, refuses_repeats: bool = False) -> Any:
    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    def to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if refuses_repeats and len(dict(pairs)) < len(pairs):
            raise KeyTwice
        return dict(pairs)

    return json.loads(
        text, parse_float=Num, parse_int=Num, parse_constant=refuse, object_pairs_hook=to_dict
    )


def try_to_parse(body: bytes) -> Any:
    """Parse a damaged body, None if it is no JSON."""
    try:
        return parse_strictly(body.decode(), refuses_repeats=True)
    except (ValueError, RecursionError):
        return None


def decoder_of(schema: dict[str, Any]) -> tuple[Decoder, TableSchema]:
    typed = msgspec.convert(schema, SourceSchema)
    check_schema(typed)
    fields = tuple(msgspec.structs.replace(f, id=n) for n, f in enumerate(fields_of(typed)))
    table = TableSchema("t", "things", is_keyed=keys_records(typed), fields=fields)
    return Decoder(typed, table), table


def compare(decoded: Decoded, members: list[Any], schema: dict[str, Any]) -> None:
    good, codes, signed = read_naively(members, schema)
    assert decoded.outcomes.count == len(members)
    assert {error.index: error.code for error in decoded.outcomes.errors} == codes
    assert [e.index for e in decoded.outcomes.errors] == sorted(codes)
    if decoded.batch is None:
        assert good == []
        return
    assert decoded.batch.operations[0].kind is OperationKind.UPSERT
    stored = decoded.batch.operations[0].records.to_pylist()
    names = [entry["name"] for entry in schema["definition"] if entry["type"] == "signedIntBoolKey"]
    assert stored == good
    rows = rows_after(decoded.batch, names)
    for pair in rows.keys() | signed.keys():
        assert rows.get(pair, set()) == signed.get(pair, set())


@settings(max_examples=400)
@given(requests())
def test_a_body_is_decoded_as_its_records_one_by_one(request: tuple[dict[str, Any], str]) -> None:
    schema, body = request
    decoder, table = decoder_of(schema)
    decoded = decoder.decode(body.encode())
    if decoded.batch is not None:
        check_columns(decoded.batch, table)
    compare(decoded, parse_strictly(body)["records"], schema)


DAMAGES = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.sampled_from(["drop", "put", "cut", "copy"]),
        st.sampled_from([*b'{}[]",:0123456789.eE+-ntf\\u \n\x00\x1e\xff\xc3', 0xED]),
    ),
    min_size=1,
    max_size=4,
)


def damaged(body: bytes, damages: list[tuple[int, str, int]]) -> bytes:
    for place, kind, octet in damages:
        at = place % (len(body) + 1)
        match kind:
            case "drop":
                body = body[:at] + body[at + 1 :]
            case "put":
                body = body[:at] + bytes([octet]) + body[at:]
            case "cut":
                body = body[:at] if octet < 48 else body[:at] + body[at + octet % 9 :]
            case _:
                body = body[:at] + body[max(0, at - octet % 13) :]
    return body


@settings(max_examples=400)
@given(requests(), DAMAGES)
def test_damaged_bodies_are_refused_or_read_as_they_stand(
    request: tuple[dict[str, Any], str], damages: list[tuple[int, str, int]]
) -> None:
    schema, intact = request
    body = damaged(intact.encode(), damages)
    decoder, table = decoder_of(schema)
    try:
        decoded = decoder.decode(body)
    except InvalidBody:
        decoded = None
    if decoded is not None and decoded.batch is not None:
        check_columns(decoded.batch, table)
    try:
        parsed = try_to_parse(body)
    except KeyTwice:
        return  # what the earlier value has to be is in test_bodies
    members = parsed.get("records") if isinstance(parsed, dict) else None
    if decoded is None or not isinstance(members, list):
        assert decoded is None
        assert not isinstance(members, list)
        return
    compare(decoded, members, schema)


@settings(max_examples=200)
@given(requests(), DAMAGES)
def test_lines_stand_for_themselves(
    request: tuple[dict[str, Any], str], damages: list[tuple[int, str, int]]
) -> None:
    """Damage in some lines leaves the others as they are."""
    schema, body = request
    members = re.findall(r'\{"value": (.*?)\}(?=, \{"value|\], "other)', body)
    lines = [member.encode() for member in members]
    if lines:
        lines[0] = damaged(lines[0], damages)
    text = b"\n".join(lines)
    decoder, table = decoder_of(schema)
    try:
        decoded = decoder.decode(text, is_lines=True)
    except InvalidBody:
        decoded = None
    is_text = text.decode(errors="replace").encode() == text
    assert (decoded is not None) == is_text
    if decoded is None:
        return
    if decoded.batch is not None:
        check_columns(decoded.batch, table)
    kept = [line for line in text.split(b"\n") if line.strip()]
    try:
        wrapped = [{"value": try_to_parse(line)} for line in kept]
    except KeyTwice:
        return
    compare(decoded, wrapped, schema)
