"""Statements that are the protocol's own rather than questions: settings, transactions, refusals.

There are no transactions: BEGIN and its like are answered, and change nothing but what the client
is told. Whatever writes is refused.
"""

import re
from collections.abc import Iterator
from importlib.metadata import version

from bitbrook.pgwire.problems import ProtocolFault, ReadOnly

SERVER_VERSION = "14.0"
"""The version whose catalogue and grammar clients may expect."""

VERSION_TEXT = f"PostgreSQL {SERVER_VERSION} (bitbrook {version('bitbrook')})"

SETTINGS = {
    "server_version": SERVER_VERSION,
    "server_version_num": "140000",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
    "application_name": "",
    "search_path": '"$user", public',
    "default_transaction_read_only": "on",
    "default_transaction_isolation": "read committed",
    "transaction_isolation": "read committed",
    "transaction_read_only": "on",
    "in_hot_standby": "off",
    "is_superuser": "off",
    "session_authorization": "",
    "extra_float_digits": "1",
    "max_identifier_length": "63",
    "max_index_keys": "32",
    "block_size": "8192",
    "bytea_output": "hex",
    "statement_timeout": "0",
    "lc_collate": "C",
    "lc_ctype": "C",
    "lc_monetary": "C",
    "escape_string_warning": "on",
    "row_security": "off",
}
TOLD_AT_START = (
    "server_version", "server_encoding", "client_encoding", "DateStyle", "IntervalStyle",
    "TimeZone", "integer_datetimes", "standard_conforming_strings", "application_name",
    "default_transaction_read_only", "in_hot_standby", "is_superuser", "session_authorization",
)  # fmt: skip
"""Settings that a client is told when it connects, and whenever they change."""

_PIECE = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$(\w*)\$.*?\$\1\$ | ;""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*"
_WORDS = re.compile(rf"{_SPACE}\(*{_SPACE}([A-Za-z]+)(?:{_SPACE}([A-Za-z_]+))?", re.DOTALL)
_SET = re.compile(
    r"""\s* SET \s+ (?:SESSION\s+|LOCAL\s+)?
        (?: TIME\s+ZONE\s+ | ([\w.]+)\s*(?:=|\bTO\b)\s* ) (.*?) \s* \Z""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_SHOW = re.compile(r'\s*SHOW\s+"?([\w. ]+?)"?\s*\Z', re.IGNORECASE)
_OWN_SHOWS = frozenset({"TABLES", "COLUMNS", "CREATE", "DATABASES"})
_SHOWN_NAMES = {
    "transaction isolation level": "transaction_isolation",
    "session authorization": "session_authorization",
    "time zone": "timezone",
}

QUESTIONS = frozenset({"SELECT", "WITH", "VALUES", "FROM", "PIVOT", "UNPIVOT"})
_BEGINS = frozenset({"BEGIN", "START"})
_ENDS = {"COMMIT": "COMMIT", "END": "COMMIT", "ROLLBACK": "ROLLBACK", "ABORT": "ROLLBACK"}
_NOTHING = {
    "SAVEPOINT": "SAVEPOINT",
    "RELEASE": "RELEASE",
    "RESET": "RESET",
    "DISCARD": "DISCARD ALL",
    "DEALLOCATE": "DEALLOCATE",
    "UNLISTEN": "UNLISTEN",
    "LISTEN": "LISTEN",
    "CLOSE": "CLOSE CURSOR",
}
_WRITES = frozenset(
    {
        "INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "ALTER", "DROP", "TRUNCATE", "REPLACE",
        "BULK", "COPY", "GRANT", "REVOKE", "COMMENT", "VACUUM", "ANALYZE", "REINDEX", "CLUSTER",
        "REFRESH", "LOCK", "CALL", "DO", "NOTIFY", "KILL", "IMPORT", "SECURITY", "REASSIGN",
    }
)  # fmt: skip


def split(text: str) -> Iterator[str]:
    """Give the statements of a text that semicolons part; none that is blank."""
    start = 0
    for piece in _PIECE.finditer(text):
        if piece.group() == ";":
            yield from _unless_blank(text[start : piece.start()])
            start = piece.end()
    yield from _unless_blank(text[start:])


def first_words(statement: str) -> tuple[str, str]:
    """Return the first two words of a statement, in capitals."""
    found = _WORDS.match(statement)
    if found is None:
        return "", ""
    return found[1].upper(), (found[2] or "").upper()


class SessionSettings:
    """What one connection has set, and whether it thinks that it is in a transaction."""

    def __init__(self, user: str, application: str) -> None:
        self.values = {name.lower(): value for name, value in SETTINGS.items()}
        self.values["session_authorization"] = user
        self.values["application_name"] = application
        self.is_in_transaction = False
        self.has_failed = False
        self.changed: list[str] = []

    @property
    def status(self) -> bytes:
        """The letter that tells a client whether it is in a transaction."""
        if not self.is_in_transaction:
            return b"I"
        return b"E" if self.has_failed else b"T"

    def command(self, statement: str) -> str | None:
        """Carry out what is no question; return its tag, None of a question.

        Raises:
            ReadOnly: it writes.
            ProtocolFault: the transaction has failed, or there is no such statement.
        """
        word, second = first_words(statement)
        if word in _BEGINS:
            self.is_in_transaction = True
            return "BEGIN"
        if word in _ENDS:
            tag = "ROLLBACK" if self.has_failed else _ENDS[word]
            if word == "ROLLBACK" and second == "TO":
                self.has_failed = False
                return "ROLLBACK"
            self.is_in_transaction = self.has_failed = False
            return tag
        if self.has_failed:
            message = "the transaction has failed; statements are ignored until it ends"
            raise ProtocolFault(message, "25P02")
        if word == "SET":
            self._set(statement)
            return "SET"
        if word in _NOTHING:
            return _NOTHING[word]
        if word in _WRITES:
            raise ReadOnly(f"{word} writes, and statements only read here; use HTTP for it")
        return None

    def shown(self, statement: str) -> tuple[str, str] | None:
        """Return the setting that SHOW names and its value, None if it shows something else.

        Raises:
            ProtocolFault: there is no such setting.
        """
        word, second = first_words(statement)
        if word != "SHOW" or second in _OWN_SHOWS:
            return None
        found = _SHOW.match(statement)
        name = " ".join(found[1].lower().split()) if found else ""
        name = _SHOWN_NAMES.get(name, name)
        if name not in self.values:
            raise ProtocolFault(f'there is no setting "{name}"', "42704")
        return name, self.values[name]

    def fail(self) -> None:
        """Note that a statement was refused."""
        self.has_failed = self.is_in_transaction

    def _set(self, statement: str) -> None:
        found = _SET.match(statement)
        if found is None:
            # SET TRANSACTION and its like: there are none.
            return
        name = (found[1] or "timezone").lower()
        value = found[2].strip().strip("'\"")
        if name == "client_encoding" and value.upper().replace("-", "") not in {"UTF8", "UNICODE"}:
            raise ProtocolFault(f"client_encoding {value} is not supported; use UTF8", "22023")
        if name == "timezone":
            # Times are told in UTC, whatever is asked for.
            value = "UTC"
        self.values[name] = value
        self.changed.append(name)


def _unless_blank(statement: str) -> Iterator[str]:
    if re.sub(r"--[^\n]*|/\*.*?\*/|\s", "", statement, flags=re.DOTALL):
        yield statement
