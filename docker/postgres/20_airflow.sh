#!/bin/sh
# Runs once, when the server's volume is empty: Airflow keeps its own state in a database and role of its own.
set -eu

psql --quiet --set ON_ERROR_STOP=1 --set password="$AIRFLOW_DATABASE_PASSWORD" --username "$POSTGRES_USER" \
  --dbname postgres <<'SQL'
create role airflow login password :'password';
create database airflow owner airflow;
SQL
