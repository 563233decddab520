"""The JSON faces as one OpenAPI document."""
