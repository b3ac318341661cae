"""What the words mean to Python: settings, errors and specifications; imports nothing else of the project."""
