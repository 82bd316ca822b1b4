"""The iris records (R. A. Fisher, 1936): 150 flowers, four measures in cm and a species each."""

import csv
import io
from importlib.resources import files

MEASURES = ("sepallength", "sepalwidth", "petallength", "petalwidth")

SCHEMA = {
    "id_field": "id",
    "allow_missing_fields": False,
    "definition": [
        {"name": "id", "path": ["id"], "type": "id"},
        *(
            {"name": measure, "path": [measure], "type": "decimal", "config": {"Scale": 2}}
            for measure in MEASURES
        ),
        {"name": "species", "path": ["species"], "type": "string", "config": {"Mutex": True}},
    ],
}


def iris_records() -> list[dict[str, dict[str, str]]]:
    """Return the records as a source takes them; ids from 1, numbers as text."""
    # The console's, whose guided start sends the same records from a browser.
    text = files("bitbrook.console").joinpath("static/iris.csv").read_text()
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [{"value": {"id": str(id_), **row}} for id_, row in enumerate(rows, 1)]
