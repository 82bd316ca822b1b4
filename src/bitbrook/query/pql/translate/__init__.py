"""PQL calls -> expressions and questions of the algebra, and their answers."""
