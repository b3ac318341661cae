"""The PostgreSQL warehouse: the embedded server, connections by role, migrations and control rows."""
