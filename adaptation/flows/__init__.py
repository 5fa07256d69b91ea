"""Normalizing flows over wavelet details: exact densities, exact inverses, float32 throughout."""
