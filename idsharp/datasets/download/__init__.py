"""Downloads: resumable, verified, and unpacked safely."""
