"""Adapters for published collections."""
