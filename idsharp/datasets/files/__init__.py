"""Adapters for anyone's files."""
