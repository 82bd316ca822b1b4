"""The iris records are Fisher's: 50 of each species, with the means he printed.

Recomputes the means of each measure and species exactly.
"""

from decimal import Decimal

import msgspec

from bitbrook.cli.iris import MEASURES, SCHEMA, iris_records
from bitbrook.sources.schema import SourceSchema, check_schema

MEANS = {
    "setosa": ("5.006", "3.428", "1.462", "0.246"),
    "versicolor": ("5.936", "2.770", "4.260", "1.326"),
    "virginica": ("6.588", "2.974", "5.552", "2.026"),
}


def test_means_by_species() -> None:
    values = [record["value"] for record in iris_records()]
    assert [value["id"] for value in values] == [str(n) for n in range(1, 151)]
    for species, means in MEANS.items():
        of_species = [value for value in values if value["species"] == species]
        assert len(of_species) == 50
        for measure, mean in zip(MEASURES, means, strict=True):
            assert sum(Decimal(value[measure]) for value in of_species) / 50 == Decimal(mean)


def test_the_schema_is_one() -> None:
    check_schema(msgspec.convert(SCHEMA, SourceSchema))
