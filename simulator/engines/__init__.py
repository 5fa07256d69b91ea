"""Engines see a scene through a camera."""
