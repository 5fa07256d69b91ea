"""Losses over labels that may be partial, rare or ordered."""

import torch
import torch.nn.functional as F
from torch import Tensor

from rasters.classes import LandCover
from segmentation.partial_labels import DAMAGE_CLASSES, UNKNOWN_DAMAGE, allowed_classes, tells

BACKGROUND_SHARE = 0.1  # of the damage loss: where buildings are is the land cover's matter
RARITY = 0.05  # of a batch's building pixels: levels much rarer than this count for less than the others


def marginal_cross_entropy(logits: Tensor, codes: Tensor) -> Tensor:
    r"""Mean of :math:`-\log \sum_{c \in A} p_c` over the pixels whose label allows a set A of classes.

    The ordinary cross-entropy where A is one class. (Learning from Partial Labels, Cour et al. 2011.)

    Args:
        logits: (B, 11, H, W).
        codes: Label codes (B, H, W) integer, `LandCover` or a code of `NOT`; 0 counts for nothing.

    Returns:
        A scalar; 0 if no pixel is labelled.
    """
    probability = logits.float().softmax(1).movedim(1, -1)
    allowed = F.embedding(codes.long(), torch.from_numpy(allowed_classes()).to(probability))
    chosen = torch.einsum("bhwc,bhwc->bhw", probability, allowed)  # of A; a sixth of logsumexp's time
    loss = -chosen.clamp_min(torch.finfo(chosen.dtype).tiny).log()
    known = codes != LandCover.UNLABELLED
    return (loss * known).sum() / known.sum().clamp_min(1)


def dice_loss(logits: Tensor, codes: Tensor, cover: LandCover) -> Tensor:
    """1 - soft Dice of a class over the pixels whose label tells it (Milletari et al. 2016).

    Args:
        logits: (B, 11, H, W).
        codes: As in `marginal_cross_entropy`.
        cover: The class.
    """
    probability = logits.float().softmax(1)[:, cover]
    known = torch.from_numpy(tells(cover)).to(codes.device)[codes].float()
    truth = (codes == cover).float()
    overlap = (probability * truth).sum()
    total = (probability * known).sum() + truth.sum()
    return 1 - (2 * overlap + 1) / (total + 1)  # the 1: none there, none seen, no loss


def damage_loss(logits: Tensor, damage: Tensor) -> Tensor:
    """Balanced cross-entropy over the damage levels plus the squared distance of levels.

    The levels of a batch weigh about the same, however many pixels have them: real labels are nearly all
    "no damage", and a network that minimises plain cross-entropy says nothing else. The second term is
    the squared earth mover's distance between levels (Hou et al. 2016, arXiv:1611.05916): to take
    "destroyed" for "no damage" costs more than for "major".

    Args:
        logits: (B, 5, H, W).
        damage: (B, H, W) integer; `UNKNOWN_DAMAGE` counts for nothing.

    Returns:
        A scalar; 0 if no pixel is known.
    """
    logits, labels = logits.float().movedim(1, -1), damage.long()
    known = labels != UNKNOWN_DAMAGE
    chosen, labels = logits[known], labels[known]
    weights = _level_weights(labels)[labels]
    entropy = F.cross_entropy(chosen, labels, reduction="none")
    levels = chosen[:, 1:].softmax(-1).cumsum(-1)
    truth = torch.arange(1, 5, device=labels.device) >= labels[:, None]
    distance = (levels - truth.float()).square().sum(-1) * (labels > 0)
    return (weights * (entropy + distance)).sum() / weights.sum().clamp_min(1e-6)


def _level_weights(labels: Tensor) -> Tensor:
    """(5,) float32 weight of a pixel of each level, from the labels (N,) of a batch."""
    counts = torch.bincount(labels, minlength=DAMAGE_CLASSES).float()
    levels = counts[1:]
    weights = 1 / (levels + RARITY * levels.sum()).clamp_min(1)
    total = (weights * levels).sum().clamp_min(1e-6)
    background = BACKGROUND_SHARE / (1 - BACKGROUND_SHARE) * total / counts[:1].clamp_min(1)
    return torch.cat([background, weights])
