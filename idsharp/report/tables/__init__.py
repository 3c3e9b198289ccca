"""The tables of a study: its records read, points averaged, laws fitted, claims judged."""
