"""What an operator sees: logs, request ids and metrics. Knows nothing of bitbrook's own modules."""
