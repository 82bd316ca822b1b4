"""What a partition can be asked, and what it answers: data only, shared by query and engine.

PQL and SQL translate into `expressions` and `questions`; the engine answers with `partials`; the
compute layer merges those. Lies below the engine because both sides of the wire need the words.
"""
