"""From a dataset's images to the 8-bit arrays of a task."""
