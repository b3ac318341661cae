"""Runs Alembic's migrations on the connection string that was handed in."""

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

url = make_url(context.config.attributes["url"]).set(drivername="postgresql+psycopg")
engine = create_engine(url)
with engine.begin() as connection:
    connection.execute(text("create schema if not exists control"))
    context.configure(connection=connection, version_table="schema_version", version_table_schema="control")
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
