"""Intrinsic dimension and label sharpness."""
