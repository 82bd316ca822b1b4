"""Speed beside peers: the same records, the same questions, one run, ratios of medians."""
