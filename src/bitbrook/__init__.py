"""bitbrook: streaming analytics on a bitmap index, spoken to over HTTP."""

__version__ = "0.1.0"
