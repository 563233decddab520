"""What people forget: rules of the house, held against every route, table, template and migration."""
