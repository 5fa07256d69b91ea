"""Disasters: a city before to the same city after, with what a damage assessor would note."""
