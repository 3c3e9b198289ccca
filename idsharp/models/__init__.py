"""Networks: names, construction, checkpoints, inference."""
