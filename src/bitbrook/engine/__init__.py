"""Tables, partitions, shards and fields: upserts, the log, checkpoints and recovery."""
