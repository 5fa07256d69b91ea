"""The texture flow's siblings, on the same wavelet details: a diffusion flow and a flow-matching bridge."""
