"""Every function and operator: its signature, its type and DuckDB's SQL for it."""
