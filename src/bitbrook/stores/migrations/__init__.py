"""How the catalogue's tables came to be, release by release (Alembic)."""
