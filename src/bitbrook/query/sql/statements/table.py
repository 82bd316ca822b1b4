"""The one table of statements: the words each begins with, and what carries it out.

Adding a statement is adding a line; of several that fit the one with the most words is meant.
Anything else is a query.
"""

from collections.abc import Callable

from bitbrook.query.results.sql_answer import SqlAnswer
from bitbrook.query.sql.dialect.parse import parse_query_tokens, tokenize
from bitbrook.query.sql.dialect.shapes import find_tree, keep_tree
from bitbrook.query.sql.session import Session
from bitbrook.query.sql.statements import (
    bulk,
    changing,
    copying,
    definitions,
    explaining,
    inserting,
    showing,
)
from bitbrook.query.sql.statements.cursor import Cursor
from bitbrook.telemetry.steps import step

Perform = Callable[[Cursor, Session], SqlAnswer]

STATEMENTS: dict[tuple[str, ...], Perform] = {
    ("CREATE", "TABLE"): definitions.create_table,
    ("ALTER", "TABLE"): definitions.alter_table,
    ("DROP", "TABLE"): definitions.drop_table,
    ("CREATE", "OR", "REPLACE", "VIEW"): definitions.replace_view,
    ("CREATE", "VIEW"): definitions.create_view,
    ("ALTER", "VIEW"): definitions.alter_view,
    ("DROP", "VIEW"): definitions.drop_view,
    ("INSERT",): inserting.insert,
    ("REPLACE",): inserting.replace,
    ("BULK", "INSERT"): bulk.bulk_insert,
    ("BULK", "REPLACE"): bulk.bulk_replace,
    ("COPY",): copying.copy,
    ("DELETE",): changing.delete,
    ("UPDATE",): changing.update,
    ("SHOW", "TABLES"): showing.show_tables,
    ("SHOW", "COLUMNS"): showing.show_columns,
    ("SHOW", "CREATE", "TABLE"): showing.show_create_table,
    ("SHOW", "DATABASES"): showing.show_databases,
    ("SHOW", "CREATE", "VIEW"): showing.show_create_view,
    ("EXPLAIN",): explaining.explain,
    ("KILL", "QUERY"): showing.kill_query,
}

_MOST_WORDS = max(len(words) for words in STATEMENTS)


def perform(session: Session) -> SqlAnswer:
    """Return the answer of a session's statement.

    Raises:
        InvalidStatement: it is no statement of this SQL.
    """
    text = session.text
    tree = find_tree(text.text)
    if tree is not None:
        return session.answer(session.bind(tree))
    answer = inserting.insert_plain(session)
    if answer is not None:
        return answer
    tokens = tokenize(text)
    cursor = Cursor(tokens, text)
    for count in range(_MOST_WORDS, 0, -1):
        words = tuple(token.text.upper() for token in tokens[:count])
        if words in STATEMENTS and cursor.take(*words):
            return STATEMENTS[words](cursor, session)
    with step("parse"):
        tree = parse_query_tokens(tokens, text)
    query = session.bind(tree)
    # Kept once it is bound: binding notes more places on the tree.
    keep_tree(text.text, tree)
    return session.answer(query)
