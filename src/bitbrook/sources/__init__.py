"""What the JSON of a streaming source means: its schema, and bytes decoded into a Batch."""
