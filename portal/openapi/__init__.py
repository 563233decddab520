"""What programs may ask us, as one OpenAPI document: plain facts, a module for each room."""
