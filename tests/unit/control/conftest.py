"""A data directory that is started and stopped like a server's, with a clock that is turned."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bitbrook.auth.policy import Caller
from bitbrook.clock import Clock
from bitbrook.control.deployments import Deployment
from bitbrook.control.service import Service
from bitbrook.control.sources import Source
from bitbrook.control.tables import Table
from bitbrook.settings import Settings
from bitbrook.sources.schema import SourceSchema

ADMIN = "ada@example.org"
PASSWORD = "correct horse"


class TurnedClock(Clock):
    """Stands still until it is moved."""

    at_s = 1_700_000_000.0

    def now_s(self) -> float:
        return self.at_s

    def monotonic_s(self) -> float:
        return self.at_s

    def turn(self, seconds: float) -> None:
        self.at_s += seconds


class Home:
    """A data directory; `start` and `stop` stand for a server's process."""

    service: Service

    def __init__(self, directory: Path) -> None:
        self.settings = Settings(data=directory, admin_email=ADMIN, admin_password=PASSWORD)
        self.clock = TurnedClock()
        self.is_running = False

    def start(self, **settings: Any) -> Service:
        self.settings = msgspec.structs.replace(self.settings, **settings)
        self.service = Service.open(self.settings, clock=self.clock)
        self.is_running = True
        return self.service

    def stop(self) -> None:
        if self.is_running:
            self.is_running = False
            self.service.close()

    def restart(self, **settings: Any) -> Service:
        self.stop()
        return self.start(**settings)

    def caller(self, email: str = ADMIN, password: str = PASSWORD) -> Caller:
        tokens = self.service.identity.sign_in(email, password)
        return self.service.identity.authenticate(tokens.id)

    def join(self, email: str, **options: Any) -> Caller:
        """A new user of the first organisation."""
        invite = self.service.users.invite(self.caller(), email, **options)
        assert invite.token is not None
        self.service.users.accept_invite(invite.token, PASSWORD)
        return self.caller(email)

    def foreigner(self) -> Caller:
        """The administrator of another organisation."""
        self.service.users.create_organisation("Other", "eve@example.net", PASSWORD)
        return self.caller("eve@example.net")

    def deployment(self, caller: Caller, name: str = "iris") -> Deployment:
        made = self.service.deployments.create(caller, name, "8GB")
        self.service.lifecycle.settle()
        return made

    def table(self, caller: Caller, name: str = "things", **options: Any) -> Table:
        """A table in the deployment `iris`, which is made if need be."""
        return self.service.tables.create(caller, self.deployment_id(caller), name, **options)

    def deployment_id(self, caller: Caller) -> str:
        """The id of the deployment `iris`, which is made if need be."""
        made = [each for each in self.service.deployments.list(caller) if each.name == "iris"]
        return (made[0] if made else self.deployment(caller)).id

    def source(
        self, caller: Caller, *, name: str = "stream", schema: SourceSchema | None = None
    ) -> Source:
        """A source into the table `things` of the deployment `iris`; both are made if need be."""
        deployment_id = self.deployment_id(caller)
        if not self.service.tables.list(caller, deployment_id):
            self.table(caller)
        made = self.service.sources.create(
            caller, name, deployment_id, "things", schema or self.source_schema()
        )
        self.service.lifecycle.settle()
        return made

    @staticmethod
    def source_schema(
        definition: list[dict[str, Any]] | None = None, **options: Any
    ) -> SourceSchema:
        """A source's schema: an id, a species and an amount, unless told otherwise."""
        if not {"id_field", "primary_key_fields"} & options.keys():
            options["id_field"] = "id"
        fields = definition or [
            {"name": "id", "path": ["id"], "type": "id"},
            {"name": "species", "path": ["species"], "type": "string", "config": {"Mutex": True}},
            {"name": "amount", "path": ["amount"], "type": "int"},
        ]
        return msgspec.convert({"definition": fields, **options}, SourceSchema)


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after its first start: hashing and key making happen once."""
    home = Home(tmp_path_factory.mktemp("first") / "data")
    home.start()
    home.stop()
    return home.settings.data


@pytest.fixture
def home(tmp_path: Path, first_start: Path) -> Iterator[Home]:
    """A running service with one organisation and its administrator."""
    shutil.copytree(first_start, tmp_path / "data")
    home = Home(tmp_path / "data")
    home.start()
    yield home
    home.stop()


@pytest.fixture
def admin(home: Home) -> Caller:
    """The administrator of the first organisation."""
    return home.caller()
