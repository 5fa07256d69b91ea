"""What can go wrong between us and a CARLA server, each with its remedy."""

from rasters.errors import InputError


class CarlaError(InputError):
    """The server, or the package it was given, cannot be used."""


class ServerUnreachable(CarlaError):
    """Nobody answers at the address, or not any more."""


class ClientDied(CarlaError):
    """The client library ended the process that it was in, again and again."""


class VersionMismatch(CarlaError):
    """Client and server are of different versions of CARLA."""


class MissingProps(CarlaError):
    """The server's blueprint library lacks props of the city."""


class MissingAttribute(CarlaError):
    """A blueprint lacks an attribute that the rig sets."""


class SpawnFailed(CarlaError):
    """The server did not spawn or remove an actor."""


class FrameLost(CarlaError):
    """A camera did not deliver the image of a tick."""


class FrameStale(CarlaError):
    """Images of one tick do not belong together, or were not taken where the camera was put."""


class WeatherIgnored(CarlaError):
    """The server does not have the weather that it was given."""


class AmbiguousIds(CarlaError):
    """Two actors have the same id in the instance image, which keeps 16 bits of it."""


class WrongTags(CarlaError):
    """Props carry another semantic tag than they were exported with."""


class HiddenShown(CarlaError):
    """Objects that were hidden still show in the label images."""
