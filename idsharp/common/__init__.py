"""Foundations of every other package; nothing here knows about images or networks."""
