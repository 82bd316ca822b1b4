"""FeatureBase's SQL: statements to answers, by bitmaps and, beyond them, DuckDB."""

from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.run import run_sql

__all__ = ["SqlAnswer", "run_sql"]
