"""How rows and values lie in memory, and the kernels over them. Knows no field, key or disk."""
