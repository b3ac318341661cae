"""Thin Airflow operators: each calls one function of the night."""
