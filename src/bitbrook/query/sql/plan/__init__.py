"""How a bound query is carried out: by questions to bitmaps, or finished by DuckDB."""
