"""A table of anybody's as a domain: its rows as events, one by one, without a state. ``models/table_domain.py`` makes the value."""
