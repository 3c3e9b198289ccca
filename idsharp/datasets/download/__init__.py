"""Downloads: verified, resumable, unpacked without escapes."""
