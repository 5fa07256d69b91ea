"""A CARLA server as an engine: the client, what it sends there, and a stand-in server to test it against."""
