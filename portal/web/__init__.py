"""HTTP tools that know no feature."""
