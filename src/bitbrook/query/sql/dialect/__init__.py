"""The words and the grammar of a statement: text to sqlglot's tree."""
