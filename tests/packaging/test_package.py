"""What is released is the same whoever builds it, has one version, and holds what it needs.

The wheel and the sdist are built twice, from copies of the source with other times and another
order of files on disk, and compared byte by byte. The files of `packaging/` are read by the tools
that will read them, as far as these are here, and held against each other and the code.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

import bitbrook

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
PARTS = ("src", "tests", "docs", "benchmarks", "packaging")
FILES = ("pyproject.toml", "constraints.txt", "Makefile", "mkdocs.yml", "LICENSE")
EPOCH = "1700000000"


def build(directory: Path, *, touched: bool) -> dict[str, Path]:
    """Build from a copy of the source; return what was built, by name."""
    source = directory / "source"
    source.mkdir(parents=True)
    names = [*PARTS, *FILES, *(path.name for path in ROOT.glob("*.md"))]
    names += [path.name for path in ROOT.glob("hatch_build.py")]
    skipped = shutil.ignore_patterns("__pycache__", "cache", "node_modules")
    for name in sorted(names, reverse=touched):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=skipped)
        else:
            shutil.copy(ROOT / name, source / name)
    if touched:
        for path in source.rglob("*"):
            os.utime(path, (1_600_000_000, 1_600_000_000))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(directory / "dist")],
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
        capture_output=True,
        check=True,
    )
    return {path.name: path for path in (directory / "dist").iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(tmp_path_factory.mktemp("first"), touched=False)


def digests(paths: dict[str, Path]) -> dict[str, str]:
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items()}


def test_two_builds_are_the_same(built: dict[str, Path], tmp_path: Path) -> None:
    again = build(tmp_path, touched=True)
    assert len(built) == 2
    assert digests(built) == digests(again)


def test_the_wheel_holds_the_package(built: dict[str, Path]) -> None:
    (name,) = [name for name in built if name.endswith(".whl")]
    with zipfile.ZipFile(built[name]) as wheel:
        names = set(wheel.namelist())
        info = f"bitbrook-{bitbrook.__version__}.dist-info"
        metadata = wheel.read(f"{info}/METADATA").decode()
        entries = wheel.read(f"{info}/entry_points.txt").decode()
    assert f"\nVersion: {bitbrook.__version__}\n" in metadata
    for extra in ("otel", "postgres", "s3", "scale"):
        assert f"\nProvides-Extra: {extra}\n" in metadata
    assert "bitbrook = bitbrook.cli.main:app" in entries
    source = ROOT / "src"
    wanted = {
        path.relative_to(source).as_posix()
        for path in (source / "bitbrook").rglob("*")
        if path.is_file() and path.suffix in {".py", ".typed", ".mako", ".html"}
    }
    assert wanted <= names, wanted - names
    assert not [each for each in names if "tests/" in each or each.endswith(".pyc")]


def test_the_sdist_can_be_tested(built: dict[str, Path]) -> None:
    (name,) = [name for name in built if name.endswith(".tar.gz")]
    with tarfile.open(built[name]) as sdist:
        names = {member.name.partition("/")[2] for member in sdist.getmembers()}
    assert {"pyproject.toml", "README.md", "LICENSE", "packaging/Dockerfile", "mkdocs.yml"} <= names
    assert "tests/packaging/test_package.py" in names


def test_there_is_one_version() -> None:
    """Written in the package alone; everything else asks for it."""
    text = bitbrook.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", text)
    strays = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "src").rglob("*.py")
        if re.search(rf"""["']{re.escape(text)}["']""", path.read_text())
        and path.name != "__init__.py"
    ]
    assert not strays, strays


def test_the_image_is_nobodys_and_writes_nowhere() -> None:
    lines = (PACKAGING / "Dockerfile").read_text().splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    users = [each[1] for each in words if each[0] == "USER"]
    assert users == ["10001:10001"]
    assert words[-1] == ["CMD", '["serve"]']
    assert [each for each in words if each[0] == "HEALTHCHECK"]
    assert "VOLUME /data" in lines
    compose = yaml.safe_load((PACKAGING / "compose.yaml").read_text())["services"]["bitbrook"]
    assert compose["read_only"] is True
    assert compose["cap_drop"] == ["ALL"]
    assert compose["volumes"] == ["data:/data"]


def test_the_manifests_agree_with_the_image() -> None:
    path = PACKAGING / "kubernetes" / "bitbrook.yaml"
    service, stateful = yaml.safe_load_all(path.read_text())
    spec = stateful["spec"]
    assert spec["replicas"] == 1, "a data directory belongs to one process"
    (container,) = spec["template"]["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["template"]["spec"]["securityContext"]["runAsUser"] == 10001
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}
    assert service["spec"]["selector"] == spec["selector"]["matchLabels"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("name", ["bitbrook.service", "bitbrook-backup.service"])
def test_the_units_are_understood(name: str, tmp_path: Path) -> None:
    text = (PACKAGING / "systemd" / name).read_text()
    # The command need not be installed here.
    unit = tmp_path / name
    unit.write_text(text.replace("/opt/bitbrook/bin/bitbrook", shutil.which("true") or ""))
    outcome = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    said = [line for line in outcome.stderr.splitlines() if name in line]
    assert not said, said
