"""Statements in PQL and SQL: text to algebra, algebra to answers."""
