"""A server that speaks CARLA's protocol and draws with the embedded engine. It is not CARLA."""
