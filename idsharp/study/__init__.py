"""The configuration of a study, its files and its data."""
