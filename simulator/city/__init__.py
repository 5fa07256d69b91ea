"""Procedural cities: what stands where, in metres."""
