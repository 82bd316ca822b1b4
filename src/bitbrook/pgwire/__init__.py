"""PostgreSQL's wire protocol, for reading: what tools that speak it see of a deployment.

A connection is one user's, to one deployment, whose name is the database's. Statements are
bitbrook's SQL under the limits that HTTP has; what tools ask of PostgreSQL's own catalogue is
answered from the live schema.
"""
