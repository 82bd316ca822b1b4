"""What exists, in which state, whose it is: organisations, users, deployments, tables, sources."""
