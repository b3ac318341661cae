"""How long a night and a rebuild take, beside DuckDB and Polars that compute the same anew."""
