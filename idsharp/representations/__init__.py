"""Activations of trained networks, and their intrinsic dimension."""
