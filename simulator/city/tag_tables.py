"""OpenStreetMap's values (wiki.openstreetmap.org/wiki/Map_features) in a city's words, and usual sizes.

Sizes are assumptions.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from simulator.city.model import Construction, Ground, Roof, Use
from simulator.city.style import BuiltUse, OpenUse

AreaUse = BuiltUse | OpenUse | Literal["sand", "plaza", "rock", "stream"]

WIDTHS: Mapping[str, float] = {
    "motorway": 11.5,
    "trunk": 10.0,
    "primary": 9.5,
    "secondary": 8.5,
    "tertiary": 7.0,
    "unclassified": 5.5,
    "residential": 6.0,
    "living_street": 5.0,
    "pedestrian": 5.0,
    "service": 3.8,
    "track": 2.8,
    "road": 6.0,
    "motorway_link": 6.0,
    "trunk_link": 5.5,
    "primary_link": 5.5,
    "secondary_link": 5.0,
    "tertiary_link": 5.0,
    "alley": 3.0,
    "collector": 8.0,
}
"""Of a carriageway by its `highway` value [m]: assumptions, of a lane's 3 to 3.75 m."""
LANE = 3.25  # [m]
ONE_WAY = ("motorway", "motorway_link", "trunk_link", "primary_link", "secondary_link")
PATHS: Mapping[str, float] = {
    "footway": 1.8,
    "path": 1.2,
    "cycleway": 2.0,
    "steps": 2.0,
    "bridleway": 1.5,
}
"""Ways without cars are painted as ground, this wide [m]."""
STREAMS: Mapping[str, float] = {"river": 18.0, "canal": 12.0, "stream": 2.0, "ditch": 1.0, "drain": 1.2}
"""Width of a waterway that is only a line [m]."""
BARRIERS: Mapping[str, tuple[Literal["hedge", "wall", "fence"], float, float]] = {
    "hedge": ("hedge", 1.5, 0.9),
    "wall": ("wall", 1.8, 0.25),
    "city_wall": ("wall", 5.0, 1.0),
    "retaining_wall": ("wall", 1.0, 0.4),
    "fence": ("fence", 1.4, 0.08),
    "guard_rail": ("fence", 0.8, 0.2),
}
"""Kind, height and width [m]."""

AREAS: Mapping[str, Mapping[str, AreaUse]] = {
    "landuse": {
        **{use: use for use in (*get_args(BuiltUse), *get_args(OpenUse))},
        "retail": "commercial",
        "farmland": "crop",
        "farmyard": "vacant",
        "allotments": "orchard",
        "vineyard": "orchard",
        "plant_nursery": "orchard",
        "grass": "park",
        "village_green": "park",
        "recreation_ground": "park",
        "greenfield": "meadow",
        "brownfield": "vacant",
        "landfill": "vacant",
        "quarry": "rock",
        "railway": "vacant",
        "garages": "parking",
        "education": "civic",
        "religious": "worship",
        "institutional": "civic",
        "military": "vacant",
        "verge": "meadow",
        "flowerbed": "park",
    },
    "leisure": {
        "park": "park",
        "garden": "park",
        "golf_course": "park",
        "playground": "park",
        "pitch": "sport",
        "track": "sport",
        "sports_centre": "sport",
        "stadium": "sport",
        "nature_reserve": "meadow",
        "common": "park",
    },
    "natural": {
        "wood": "forest",
        "scrub": "scrub",
        "heath": "scrub",
        "grassland": "meadow",
        "sand": "sand",
        "beach": "sand",
        "bare_rock": "rock",
        "scree": "rock",
        "wetland": "meadow",
        "shingle": "sand",
    },
    "amenity": {
        "parking": "parking",
        "school": "civic",
        "university": "civic",
        "college": "civic",
        "hospital": "civic",
        "kindergarten": "civic",
        "marketplace": "market",
        "place_of_worship": "worship",
        "grave_yard": "cemetery",
    },
}
WATER = {
    ("natural", "water"),
    ("natural", "bay"),
    ("waterway", "riverbank"),
    ("landuse", "reservoir"),
    ("landuse", "basin"),
    ("water", "river"),
    ("water", "lake"),
    ("water", "pond"),
    ("leisure", "marina"),
}

ROOFS: Mapping[str, Roof] = {
    "flat": "flat",
    "gabled": "gable",
    "gable": "gable",
    "saltbox": "gable",
    "gambrel": "mansard",
    "half-hipped": "hip",
    "hipped": "hip",
    "hip": "hip",
    "pyramidal": "hip",
    "mansard": "mansard",
    "skillion": "shed",
    "shed": "shed",
    "lean_to": "shed",
    "sawtooth": "sawtooth",
    "dome": "dome",
    "onion": "dome",
    "round": "barrel",
    "barrel": "barrel",
}
TOLD_ROOFINGS: Mapping[str, str] = {
    "roof_tiles": "roof_tile",
    "tile": "roof_tile",
    "slate": "roof_slate",
    "thatch": "roof_thatch",
    "reed": "roof_thatch",
    "grass": "roof_green",
    "plants": "roof_green",
    "green": "roof_green",
    "asbestos": "roof_asbestos",
    "eternit": "roof_asbestos",
    "corrugated": "roof_corrugated",
    "asphalt": "roof_shingle",
    "asphalt_shingle": "roof_shingle",
    "shingle": "roof_shingle",
    "wood": "roof_shingle",
    "metal": "roof_metal",
    "metal_sheet": "roof_metal",
    "tin": "roof_metal",
    "copper": "roof_metal",
    "concrete": "roof_concrete",
    "tar_paper": "roof_membrane",
    "gravel": "roof_gravel",
    "stone": "roof_gravel",
}
WALLS: Mapping[str, tuple[str, Construction]] = {
    "brick": ("wall_brick", "masonry"),
    "stone": ("wall_plaster", "masonry"),
    "plaster": ("wall_plaster", "masonry"),
    "masonry": ("wall_plaster", "masonry"),
    "wood": ("wall_timber", "timber"),
    "timber": ("wall_timber", "timber"),
    "timber_framing": ("wall_timber", "timber"),
    "concrete": ("wall_concrete", "concrete"),
    "cement_block": ("wall_concrete", "masonry"),
    "metal": ("wall_metal", "steel"),
    "steel": ("wall_metal", "steel"),
    "glass": ("wall_glass", "concrete"),
    "mud": ("wall_plaster", "adobe"),
    "adobe": ("wall_plaster", "adobe"),
}
"""`building:material` to the walls' material and the construction."""
USES: Mapping[str, Use] = {
    **{use: use for use in get_args(Use)},
    **dict.fromkeys(
        (
            "house",
            "detached",
            "semidetached_house",
            "terrace",
            "apartments",
            "bungalow",
            "dormitory",
            "hut",
            "cabin",
            "static_caravan",
            "hotel",
        ),
        "residential",
    ),
    **dict.fromkeys(("retail", "office", "supermarket", "kiosk", "shop"), "commercial"),
    **dict.fromkeys(("warehouse", "hangar", "factory", "manufacture", "storage_tank"), "industrial"),
    **dict.fromkeys(
        (
            "school",
            "university",
            "college",
            "hospital",
            "kindergarten",
            "public",
            "government",
            "train_station",
            "fire_station",
            "sports_hall",
            "stadium",
            "transportation",
        ),
        "civic",
    ),
    **dict.fromkeys(
        ("church", "mosque", "temple", "cathedral", "chapel", "synagogue", "shrine"), "religious"
    ),
    **dict.fromkeys(("barn", "stable", "cowshed", "sty", "farm_auxiliary", "greenhouse", "silo"), "farm"),
    **dict.fromkeys(("garage", "garages", "shed", "carport", "roof", "service", "toilets"), "outbuilding"),
}
SURFACES: Mapping[str, Ground] = {
    **{g.name.lower(): g for g in (Ground.ASPHALT, Ground.COBBLE, Ground.DIRT_ROAD)},
    **dict.fromkeys(
        (
            "unpaved",
            "ground",
            "dirt",
            "earth",
            "gravel",
            "fine_gravel",
            "compacted",
            "sand",
            "mud",
            "grass",
            "clay",
        ),
        Ground.DIRT_ROAD,
    ),
    **dict.fromkeys(("cobblestone", "sett", "unhewn_cobblestone", "paving_stones", "bricks"), Ground.COBBLE),
}
