"""The smallest values of each row: how every search ranks its candidates."""

import torch


class Shortlist:
    """The `kept` smallest approximate squared distances of each of n points, and their indices."""

    def __init__(self, n: int, kept: int, device: torch.device):
        self.squared = torch.full((n, kept), torch.inf, dtype=torch.float64, device=device)
        self.where = torch.zeros((n, kept), dtype=torch.int64, device=device)

    def propose(self, here: slice, there: slice, squared: torch.Tensor) -> None:
        """Keep the smallest of these and of those kept so far."""
        kept = self.where.shape[1]
        best, order = torch.topk(squared, min(kept, squared.shape[1]), dim=1, largest=False)
        values = torch.cat([self.squared[here], best], dim=1)
        positions = torch.cat([self.where[here], order + there.start], dim=1)
        self.squared[here], order = torch.topk(values, kept, dim=1, largest=False)
        self.where[here] = torch.gather(positions, 1, order)


def nearest_first(
    distances: torch.Tensor, indices: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The k smallest distances of each row and their indices, ties going to the lower index."""
    # Sorted by index first and then by distance, with a stable sort.
    indices, order = torch.sort(indices, dim=1)
    distances, by_distance = torch.sort(torch.gather(distances, 1, order), dim=1, stable=True)
    return distances[:, :k], torch.gather(indices, 1, by_distance)[:, :k]


def packed(rows: torch.Tensor, values: torch.Tensor, n_rows: int, fill: float) -> torch.Tensor:
    """Values with ascending row numbers as a matrix, each row padded with `fill`."""
    counts = torch.bincount(rows, minlength=n_rows)
    first = counts.cumsum(0) - counts
    slots = torch.arange(len(rows), device=rows.device) - first[rows]
    matrix = values.new_full((n_rows, int(counts.max())), fill)
    matrix[rows, slots] = values
    return matrix
