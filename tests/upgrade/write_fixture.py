"""Writes what this release stores, for later releases to open.

`python tests/upgrade/write_fixture.py`, run once a release, from the root of the repository, when
its formats are final; the file is kept for ever.
"""

import hashlib
import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import bitbrook
from stored_directory import StoredDirectory, contents_of, records_of

HOME = Path(__file__).parent
RECORDS = 120


def write_data(directory: Path) -> None:
    """A directory with everything in it: every type of field, both kinds of ids, a log, a view."""
    stored = StoredDirectory(directory)
    kinds = {"by_number": False, "by_key": True}
    tables = {
        name: stored.create_table(name, is_keyed=is_keyed) for name, is_keyed in kinds.items()
    }
    for number in range(4):
        if number == 2:
            stored.service.checkpoint()
        for name, table in tables.items():
            stored.write(table, records_of(number, RECORDS, is_keyed=kinds[name]))
    for name, table in tables.items():
        ids = records_of(1, RECORDS, is_keyed=kinds[name])["_id"]
        stored.delete(table, ids.slice(0, RECORDS // 3))
    stored.abandon()


def digest_of(contents: dict[str, Any]) -> str:
    """What everything that tables answer comes to, in one line."""
    text = json.dumps(
        {
            name: {
                "count": table["count"],
                "records": sorted(map(repr, table["records"].items())),
                "periods": sorted(map(repr, table["periods"].items())),
            }
            for name, table in contents.items()
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _without_links(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "pins" in member.name else member


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        write_data(data)
        path = HOME / f"{bitbrook.__version__}.tar.xz"
        with tarfile.open(path, "w:xz") as archive:
            archive.add(data, "data", filter=_without_links)
            contents = contents_of(data)
            expected = {
                "records": {name: table["count"] for name, table in contents.items()},
                "sha256": digest_of(contents),
            }
            body = json.dumps(expected, indent=1).encode()
            member = tarfile.TarInfo("expected.json")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
