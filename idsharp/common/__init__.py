"""What every package uses, and what knows no image and no network."""
