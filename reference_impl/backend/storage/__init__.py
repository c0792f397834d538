"""Storage: tables, migrations, and one writer that groups its commits."""
