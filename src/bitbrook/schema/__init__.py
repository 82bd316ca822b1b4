"""What a table is made of: fields and their types, names, limits, and how values are stored."""
