"""Where partitions live and how a table's answer is made of theirs."""
