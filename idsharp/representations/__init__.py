"""Activations of trained networks, and their dimension."""
