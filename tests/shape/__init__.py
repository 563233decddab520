"""How the code is built, in numbers: `make shape`."""
