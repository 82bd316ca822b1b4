"""Runs the migrations on the connection that `bitbrook.stores.catalogue` opened.

That connection's transaction is the catalogue's: a migration happens wholly or not at all.
"""

from alembic import context

from bitbrook.stores.catalogue_tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table="catalogue_version",
)
context.run_migrations()
