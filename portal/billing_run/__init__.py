"""The month, end to end: closing it, delivering its legal documents, mirroring what became of them."""
