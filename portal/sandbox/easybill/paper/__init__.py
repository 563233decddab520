"""The PDF of a document, the same bytes every time; it prints what the record says and adds up nothing."""

from portal.sandbox.easybill.paper.sheet import Paper, render

__all__ = ["Paper", "render"]
