"""Parameters and a seed to captures: cities, disasters, scenes, engines, flights."""
