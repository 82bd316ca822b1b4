"""Backups of a data directory, and what tells whether a directory is sound.

Reads beside a running server and asks nothing of it: the log's database gives one moment, blocks
never change, and links keep them while they are read.
"""
