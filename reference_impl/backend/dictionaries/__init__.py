"""Menus and dictionaries: code tables with names in two languages, kept by operators, fetched by terminals (DG-OPS-03)."""
