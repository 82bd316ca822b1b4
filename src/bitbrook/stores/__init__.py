"""Where bytes lie: the databases of the log and the catalogue, and the snapshots' blocks.

Knows nothing of what the bytes mean. Every store has one interface and may have several homes (a
file here, a server elsewhere); whoever uses it cannot tell.
"""
