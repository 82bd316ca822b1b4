"""A field's configuration is read in any case and form, and all that is wrong is told at once.

Tried with every key at its bounds, keys that say nothing, keys of other types, and values of the
wrong kind.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitbrook.schema.field_types import INT64_MAX, INT64_MIN, TimeUnit
from bitbrook.sources.config import FieldConfig, SourceType, read_config

SECOND = 10**9


@pytest.mark.parametrize(
    ("type_", "config", "expected"),
    [
        ("id", None, FieldConfig()),
        ("id", {}, FieldConfig()),
        ("id", {"Mutex": True}, FieldConfig(is_mutex=True)),
        ("string", {"mutex": "true"}, FieldConfig(is_mutex=True)),
        ("string", {"MUTEX": False, "Quantum": "", "TTL": None}, FieldConfig()),
        ("ids", {"quantum": "ymd", "ttl": "720h"}, FieldConfig(quantum="YMD", ttl_s=2_592_000)),
        ("strings", {"Quantum": "MDH", "TTL": "0s"}, FieldConfig(quantum="MDH")),
        ("id", {"CacheConfig": {"type": "ranked", "size": 5}}, FieldConfig()),
        ("int", {"Min": -5, "Max": "5"}, FieldConfig(low=-5, high=5)),
        ("int", {"Min": INT64_MIN, "Max": INT64_MAX, "Scale": 0}, FieldConfig()),
        ("int", {"ForeignIndex": "t"}, FieldConfig(foreign_table="t")),
        ("decimal", {"scale": 18}, FieldConfig(scale=18)),
        ("timestamp", {"Granularity": "ms"}, FieldConfig(granularity=TimeUnit.MILLISECOND)),
        ("timestamp", {"Layout": "2006"}, FieldConfig(layout="2006")),
        ("recordTime", {"Unit": "ms"}, FieldConfig(unit_ns=10**6, reads_numeric_text=True)),
        (
            "dateInt",
            {"Unit": "c", "CustomUnit": "1m30s"},
            FieldConfig(unit_ns=90 * SECOND, reads_numeric_text=True),
        ),
        (
            "dateInt",
            {"Unit": "d", "Epoch": 60},
            FieldConfig(unit_ns=86_400 * SECOND, epoch_ns=60 * SECOND, reads_numeric_text=True),
        ),
        (
            "dateInt",
            {"Epoch": "2000-01-01"},
            FieldConfig(epoch_ns=946_684_800 * SECOND, reads_numeric_text=True),
        ),
        (
            "dateInt",
            {"Epoch": "1970-01-01T00:00:00.5Z"},
            FieldConfig(epoch_ns=SECOND // 2, reads_numeric_text=True),
        ),
    ],
)
def test_what_can_be(type_: str, config: dict[str, Any] | None, expected: FieldConfig) -> None:
    assert read_config(SourceType(type_), config) == (expected, [])


@pytest.mark.parametrize("quantum", ["Y", "M", "D", "H", "YM", "MD", "DH", "YMD", "MDH", "YMDH"])
def test_runs_of_units_are_quanta(quantum: str) -> None:
    assert read_config(SourceType.ID, {"Quantum": quantum})[0].quantum == quantum


@pytest.mark.parametrize(
    ("type_", "config", "words"),
    [
        ("id", {"Mutx": 1}, "'Mutx' is unknown; type id takes Mutex, Quantum, TTL, CacheConfig"),
        ("bool", {"x": 1}, "'x' is unknown; type bool takes none"),
        ("ids", {"Mutex": True}, "Mutex does not go with type ids, only with id, string"),
        ("int", {"Scale": 2}, "Scale does not go with type int, only with decimal"),
        ("id", {"Mutex": True, "mutex": True}, "Mutex is given twice; leave one out"),
        ("id", {"Mutex": 1}, "Mutex 1 is not true or false"),
        ("id", {"Mutex": True, "Quantum": "Y"}, "Mutex and Quantum exclude each other"),
        ("id", {"Quantum": "YD"}, 'Quantum "YD" is not a run of Y, M, D and H without gaps'),
        ("id", {"Quantum": 5}, "Quantum 5 is not text"),
        ("id", {"TTL": "1h"}, "TTL needs a Quantum"),
        ("id", {"TTL": "1d", "Quantum": "Y"}, "TTL: '1d' is not a duration"),
        ("id", {"TTL": "1.5s", "Quantum": "Y"}, 'TTL "1.5s" is not zero or more whole seconds'),
        ("id", {"TTL": "-1s", "Quantum": "Y"}, 'TTL "-1s" is not zero or more whole seconds'),
        ("int", {"Min": 5, "Max": 4}, "Min 5 is above Max 4; swap them"),
        ("int", {"Min": INT64_MIN - 1}, "is not a whole number from"),
        ("int", {"Min": "x"}, 'Min "x" is not a whole number'),
        ("int", {"Max": True}, "Max true is not a whole number"),
        ("int", {"Max": 1.5}, "Max 1.5 is not a whole number"),
        ("decimal", {"Scale": 19}, "Scale 19 is not a whole number from 0 to 18"),
        ("decimal", {"Scale": -1}, "Scale -1 is not a whole number from 0 to 18"),
        ("timestamp", {"Granularity": "m"}, 'Granularity "m" is not one of s, ms, us, ns'),
        ("timestamp", {"Layout": "yyyy"}, "Layout 'yyyy' shows no time"),
        ("timestamp", {"Unit": "w"}, 'Unit "w" is not one of d, h, m, s, ms, us, ns, c'),
        ("timestamp", {"Unit": "c"}, "Unit c and CustomUnit (of type dateInt) need each other"),
        (
            "dateInt",
            {"CustomUnit": "6h"},
            "Unit c and CustomUnit (of type dateInt) need each other",
        ),
        ("dateInt", {"Unit": "c", "CustomUnit": "-6h"}, 'CustomUnit "-6h" is not a duration above'),
        ("dateInt", {"Unit": "c", "CustomUnit": "six"}, "CustomUnit: 'six' is not a duration"),
        ("dateInt", {"Epoch": "yesterday"}, 'Epoch "yesterday" is not RFC 3339 text'),
        ("dateInt", {"Epoch": 10**12}, "Epoch 1000000000000 is not in the years 1 to 9999"),
        ("dateInt", {"Epoch": True}, "Epoch true is not"),
    ],
)
def test_what_cannot_be(type_: str, config: dict[str, Any], words: str) -> None:
    _, faults = read_config(SourceType(type_), config)
    assert any(words in fault for fault in faults), faults


def test_all_faults_are_told_at_once() -> None:
    _, faults = read_config(SourceType.ID, {"Quantum": "Z", "TTL": "x", "y": 1})
    assert len(faults) == 3


WORDS = st.sampled_from(
    [
        "Mutex",
        "Quantum",
        "TTL",
        "CacheConfig",
        "Min",
        "Max",
        "ForeignIndex",
        "Scale",
        "Layout",
        "Epoch",
        "Unit",
        "CustomUnit",
        "Granularity",
        "unknown",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(st.sampled_from(SourceType), st.dictionaries(WORDS, JSON, max_size=5))
def test_whatever_is_sent_has_a_reading(type_: SourceType, config: dict[str, Any]) -> None:
    read, faults = read_config(type_, config)
    assert read.low <= read.high or faults
    assert all(isinstance(fault, str) and fault for fault in faults)
