"""The report page of a night: what is served, in figures, plots and plain words."""
