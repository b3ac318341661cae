"""Connections between the parts: each hook does one step of a night and is callable without Airflow."""
