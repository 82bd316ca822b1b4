"""The `bitbrook` command: one module a verb. Knows settings and HTTP, and starts the server."""
