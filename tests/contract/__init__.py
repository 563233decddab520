"""The same questions to the stand-ins and, with a key, to the real providers."""
