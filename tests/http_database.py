"""A deployment of a real server as a database to ask, for the tests of both languages."""

import contextlib

import httpx

from api_client import create_deployment
from bitbrook.query.sql.describe import table_definition
from bitbrook.schema.field_types import FieldSchema, TableSchema


class Refused(Exception):
    """The statement was answered with an error, whose message this carries."""


class HttpDatabase:
    """A new deployment; everything that is done to it is a statement over HTTP."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api
        self._deployment_id = create_deployment(api)

    def close(self) -> None:
        """Delete the deployment and what is in it."""
        path = f"/v1/tables/{self._deployment_id}"
        for table in self._api.get(path).json()["tables"]:
            with contextlib.suppress(Refused):
                self.ask("sql", f"drop table {table['name']}")
        answer = self._api.delete(f"/v1/deployments/{self._deployment_id}")
        assert answer.status_code == 202, answer.text

    def create_table(
        self, name: str, *, is_keyed: bool, fields: tuple[FieldSchema, ...]
    ) -> TableSchema:
        """Create a table by a statement, which cannot leave out a time field's standard view."""
        schema = TableSchema(name, name, is_keyed, fields)
        self.ask("sql", table_definition(schema))
        return schema

    def ask(self, language: str, statement: str) -> bytes:
        """Return the JSON answer.

        Raises:
            Refused: it tells of an error.
        """
        answer = self._api.post(
            f"/v1/deployments/{self._deployment_id}/query",
            json={"language": language, "statement": statement},
        )
        if answer.status_code != 200:
            told = answer.json()["error"]
            raise Refused(told if isinstance(told, str) else told["message"])
        assert answer.headers["x-query-id"]
        return answer.content
