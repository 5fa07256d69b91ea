"""The linear part of a drift, found by least squares and not by steps of an optimiser."""

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 3  # pixels, of the convolutions
RIDGE = 1e-4  # of an input's mean square, so that equal channels cannot blow the weights up


class LinearDrift(nn.Module):
    """A 3x3 convolution of a level's details and context, for each domain and knot of time.

    Where details are Gaussian and stationary the best drift is a convolution, and its least squares are
    solved in one go (Wiener 1949); a network then starts from there, as a flow's does from its
    `ActNorm`. Of the data alone, never trained; 0 until `fit` is called.

    Args:
        details: Channels of the details, and of what is made.
        context: Channels of the context.
        knots: Of the time.
        domains: Number of domains.
    """

    kernel: Tensor
    offset: Tensor

    def __init__(self, details: int, context: int, knots: int, domains: int) -> None:
        super().__init__()
        inputs = details + context
        self.register_buffer("kernel", torch.zeros(domains, knots, details, inputs, SIDE, SIDE))
        self.register_buffer("offset", torch.zeros(domains, knots, details))

    @torch.no_grad()
    def fit(self, x: Tensor, context: Tensor, wanted: Tensor, domain: int, knot: int) -> Tensor:
        """Sets one convolution to the least squares from x (B, 9, H, W) and context to `wanted` (B, 9, H, W).

        Returns:
            Standard deviation of what is left, as of data that it was not fitted to, (9, 1, 1).
        """
        patches = functional.unfold(torch.cat([x, context], dim=1), SIDE).transpose(1, 2).flatten(0, 1)
        patches = functional.pad(patches, (0, 1), value=1.0).double()
        edge = SIDE // 2
        answers = wanted[..., edge:-edge, edge:-edge].flatten(2).transpose(1, 2).flatten(0, 1).double()
        gram = patches.T @ patches
        gram.diagonal()[:-1] += RIDGE * gram.diagonal()[:-1].mean()
        weights = torch.linalg.solve(gram, patches.T @ answers)
        left = (answers - patches @ weights).square().sum(dim=0) / max(len(answers) - len(weights), 1)
        self.kernel[domain, knot] = weights[:-1].T.unflatten(1, self.kernel.shape[3:]).to(self.kernel)
        self.offset[domain, knot] = weights[-1].to(self.offset)
        return left.sqrt().to(x)[:, None, None]

    def forward(self, x: Tensor, context: Tensor, shares: Tensor, domain: int) -> Tensor:
        """(B, 9, H, W) of x (B, 9, H, W), context (B, 3, H, W) and the knots' shares (B or 1, K)."""
        both, kernel, offset = _padded(x, context), self.kernel[domain], self.offset[domain]
        if len(shares) == 1:
            kernel, offset = torch.einsum("k,k...->...", shares[0], kernel), shares[0] @ offset
            return functional.conv2d(both, kernel, offset)
        made = functional.conv2d(both, kernel.flatten(0, 1), offset.flatten())
        return torch.einsum("bk,bkchw->bchw", shares, made.unflatten(1, kernel.shape[:2]))


def _padded(x: Tensor, context: Tensor) -> Tensor:
    """Both, repeated beyond their edges: zeros would spoil half the places of a coarse level's crops."""
    return functional.pad(torch.cat([x, context], dim=1), [SIDE // 2] * 4, mode="replicate")
