"""What a stand-in can be told to do wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Each is off by default.

    Attributes:
        image_delay: Images come this long after their snapshot [s].
        drop_image: From this semantic image on, counted from 1, they are not sent; 0 for none.
        stale_image: From this RGB image on, counted from 1, they say that they were taken from the pose
            of the last one before; 0 for none.
        poison_image: From this depth image on, counted from 1, they carry a number that is no sensor's,
            which ends the client's process in a thread of its library (status 134); 0 for none.
        faulty_images: How many are dropped, stale or poisoned; 0 for all.
        fail_spawn: This prop, counted from 1, is not spawned; 0 for none.
        version: Of the server, if not that of the stand-in's protocol.
        die_at: The process ends at this tick, without a word; 0 for never.
        leak_hidden: Hidden objects still show in semantic, instance and depth images.
        hide_attribute: This attribute is missing from every camera's blueprint.
        first_id: Of the actors; above 65535 the instance image cannot hold them.
        wrap_ids: Actor ids rise by this much from one to the next; 65536 makes them one in the image.
        deaf_to_weather: Weather is not changed.
        wrong_tag: Every prop has the tag "None".
    """

    image_delay: float = 0.0
    drop_image: int = 0
    stale_image: int = 0
    poison_image: int = 0
    faulty_images: int = 0
    fail_spawn: int = 0
    version: str = ""
    die_at: int = 0
    leak_hidden: bool = False
    hide_attribute: str = ""
    first_id: int = 24
    wrap_ids: int = 1
    deaf_to_weather: bool = False
    wrong_tag: bool = False
