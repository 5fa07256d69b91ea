"""From light to stored pixels: acquisition profiles and the imaging chain."""
