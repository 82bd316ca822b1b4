"""PQL, the native language: text -> tree -> algebra -> JSON answer."""

from bitbrook.query.pql.run import run_pql

__all__ = ["run_pql"]
