"""Sensor models fitted to unlabelled imagery: the inverse of `rasters.sensing.imaging`."""
