"""Names found and types checked: sqlglot's tree to the bound tree."""
