"""File formats: from bytes to arrays."""
