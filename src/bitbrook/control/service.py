"""The service: everything that a server or a library user holds, opened and closed as one.

Opening goes from the bottom up (directory, stores, engine, catalogue, tables, sources) and closing
back down; a step that fails closes those before it. Within one `Service` a data directory is
consistent: nothing else writes to it.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Self

from bitbrook.auth.oidc_provider import Provider
from bitbrook.auth.oidc_tokens import ExternalTokens
from bitbrook.auth.passwords import make_password
from bitbrook.clock import SYSTEM_CLOCK, Clock
from bitbrook.compute.caches import Cache, caches_of
from bitbrook.compute.compute import Compute
from bitbrook.compute.open_compute import open_compute
from bitbrook.control.api_keys import ApiKeys
from bitbrook.control.audit import Audit
from bitbrook.control.browser_login import BrowserLogin
from bitbrook.control.deployments import Deployments
from bitbrook.control.directory_lock import DirectoryLock
from bitbrook.control.endpoint_calls import EndpointCalls
from bitbrook.control.endpoints import Endpoints
from bitbrook.control.external_bearers import ExternalBearers
from bitbrook.control.external_users import ExternalUsers
from bitbrook.control.fences import Fences
from bitbrook.control.figures import ServiceFigures
from bitbrook.control.identity import Identity
from bitbrook.control.lifecycle import Lifecycle
from bitbrook.control.live import Live
from bitbrook.control.members import Members
from bitbrook.control.password_resets import PasswordResets
from bitbrook.control.quarantine import Quarantine
from bitbrook.control.queries import Queries
from bitbrook.control.registry import Registry
from bitbrook.control.saved_queries import SavedQueries
from bitbrook.control.service_tables import ServiceTables
from bitbrook.control.sharing import Sharing
from bitbrook.control.signing_keys import SigningKeys
from bitbrook.control.sources import Sources
from bitbrook.control.tables import Tables
from bitbrook.control.user_rates import UserRates
from bitbrook.control.users import Users
from bitbrook.settings import Settings
from bitbrook.stores.catalogue import Catalogue
from bitbrook.stores.lineage import Lineage, lineages_of
from bitbrook.stores.log import Log
from bitbrook.stores.open_snapshots import open_snapshots
from bitbrook.stores.rejected import RejectedStore
from bitbrook.stores.sql import open_engine
from bitbrook.telemetry.logs import get_logger

LOGGER = get_logger(__name__)


class Service:
    """A data directory, opened. Made by `Service.open`; also a context manager.

    `first_password`: the administrator's password, if this start created them and made it up.
    `lifecycle`: what brings about creations and deletions; `lifecycle.settle()` waits for them.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        compute: Compute,
        lifecycle: Lifecycle,
        quarantine: Quarantine,
        *,
        lineages: Sequence[Lineage],
        caches: Mapping[str, Cache],
        clock: Clock,
    ) -> None:
        members = Members(catalogue, token_ttl_s=settings.token_ttl_s, clock=clock)
        registry = Registry(catalogue)
        self.signing_keys = SigningKeys(catalogue, settings, clock=clock)
        self.settings = settings
        self.registry = registry
        self.first_password: str | None = None
        self.lifecycle = lifecycle
        self.identity = Identity(members, self.signing_keys, settings, clock=clock)
        self.api_keys = ApiKeys(members, registry, settings, clock=clock)
        self.users = Users(members, settings, clock=clock)
        self.password_resets = PasswordResets(members, settings, clock=clock)
        self.browser_login: BrowserLogin | None = None
        if settings.oidc_issuer:
            self._trust_provider(members, clock)
        self.user_rates = UserRates(settings, clock=clock)
        self.audit = Audit(catalogue, members, settings, clock=clock)
        self.deployments = Deployments(registry, lifecycle, compute, settings, clock=clock)
        self.tables = Tables(registry, lifecycle, compute, settings, clock=clock)
        self.fences = Fences(lineages, registry, compute)
        self.sources = Sources(
            registry,
            lifecycle,
            self.tables,
            compute,
            settings,
            fences=self.fences,
            quarantine=quarantine,
            clock=clock,
        )
        told = self.service_tables = ServiceTables(registry, self.sources, settings, clock=clock)
        self.queries = Queries(
            registry, self.tables, compute, settings, service_tables=told, clock=clock
        )
        self.endpoints = Endpoints(catalogue, registry, self.queries, settings, clock=clock)
        self.endpoint_calls = EndpointCalls(
            self.endpoints, self.queries, registry, compute, settings, clock=clock
        )
        self.saved_queries = SavedQueries(catalogue, members, clock=clock)
        self.live = Live(self.deployments, self.tables, self.sources, clock=clock)
        caches = {**caches, "endpoint_answers": self.endpoint_calls.cache}
        self.figures = ServiceFigures(registry, compute, self.sources, self.queries, caches)
        self._compute = compute
        self._is_open = False
        self._closing = ExitStack()
        self.sharing: Sharing | None = None
        if compute.is_shared and catalogue.can_be_shared:
            self.sharing = self._share(catalogue, members)
        with members.lock:
            if not members.has_organisations:
                self._create_first(settings)

    @classmethod
    def open(cls, settings: Settings, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """Return the service as its data directory left it; new where there is nothing.

        Raises:
            AlreadyRunning: another process owns the data directory; names it and the process.
            Damaged: what is stored is not what was written; names the place.
        """
        with ExitStack() as closing:
            closing.enter_context(DirectoryLock(settings.data))
            catalogue = Catalogue.open(settings.catalogue_database)
            closing.callback(catalogue.close)
            log_database = open_engine(settings.log_database)
            closing.callback(log_database.dispose)
            log = Log(log_database)
            rejected = open_engine(settings.quarantine_database)
            closing.callback(rejected.dispose)
            quarantine = Quarantine(RejectedStore(rejected), settings, clock=clock)
            closing.callback(quarantine.close)
            snapshots = open_snapshots(
                settings.storage_place,
                settings.cache_directory,
                cache_bytes=settings.storage_cache_bytes,
            )
            compute = open_compute(settings, log, snapshots, log_database, clock=clock)
            closing.callback(compute.close)
            lifecycle = Lifecycle()
            closing.callback(lifecycle.close)
            service = cls(
                settings,
                catalogue,
                compute,
                lifecycle,
                quarantine,
                lineages=lineages_of(log),
                caches=caches_of(snapshots),
                clock=clock,
            )
            closing.callback(service.audit.close)
            closing.callback(service.figures.close)
            if service.sharing is not None:
                closing.callback(service.sharing.close)
            service.resume()
            service._closing = closing.pop_all()
        return service

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def is_ready(self) -> bool:
        """Whether requests are served: opened, and not closing."""
        return self._is_open

    def resume(self) -> None:
        """Open every table and go on with what the last process left half done, in order."""
        # A source goes before its table and a table before its deployment, whichever was begun.
        with self.registry.lock:
            self.deployments.reserve_all()
            self.tables.open_all()
        self.sources.resume_all()
        self.tables.resume_all()
        self.deployments.resume_all()
        self._is_open = True
        if self.sharing is not None:
            self.sharing.start(self._resume_others)

    def checkpoint(self) -> None:
        """Write what changed in every table to its snapshots and trim the log."""
        self._compute.checkpoint()

    def begin_stop(self) -> None:
        """Tell those who watch, and those who ask whether requests are served, that it ends."""
        self._is_open = False

    def close(self) -> None:
        """Finish what was accepted, checkpoint, and release the data directory."""
        self._is_open = False
        self.queries.close()
        with self._closing:
            self.sources.keep_traffic()

    def _share(self, catalogue: Catalogue, members: Members) -> Sharing:
        """Let other servers have the same catalogue."""
        readers = (
            self.registry.read,
            members.read,
            self.signing_keys.reload,
            self.endpoints.read,
            self._follow,
        )
        sharing = Sharing(catalogue, readers)
        self.registry.lock = members.lock = sharing.lock
        self.registry.look = members.look = sharing.look
        self.lifecycle.lock = sharing.steps_lock
        return sharing

    def _follow(self) -> None:
        """Do what other servers' changes ask for."""
        if self._is_open:
            self.tables.follow()
            self.sources.follow()

    def _resume_others(self) -> None:
        """Go on with what another server began and may have left; tell it what this one took."""
        if self._is_open:
            self.sources.tell_traffic()
        if self._is_open and self.lifecycle.is_idle:
            for entry in self.registry.sources():
                self.sources.resume(entry)
            self.tables.resume_all()
            self.deployments.resume_all()

    def _trust_provider(self, members: Members, clock: Clock) -> None:
        """Let those in whom the identity provider of the settings vouches for."""
        provider = Provider(self.settings, clock=clock)
        tokens = ExternalTokens(provider, self.settings, clock=clock)
        users = ExternalUsers(members, self.users, self.settings, clock=clock)
        self.identity.bearers = ExternalBearers(tokens, users)
        self.browser_login = BrowserLogin(provider, tokens, users, clock=clock)

    def _create_first(self, settings: Settings) -> None:
        """Create the first organisation and its administrator."""
        password = settings.admin_password
        if password is None:
            password = self.first_password = make_password()
        self.users.create_organisation(settings.organisation, settings.admin_email, password)
        LOGGER.info("created the first organisation", admin_email=settings.admin_email)
