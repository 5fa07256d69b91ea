"""What a lot is filled with, by its neighbourhood's fabric."""

from collections.abc import Callable

import numpy as np

from simulator.city.compounds import fill_compound_lot
from simulator.city.estates import fill_estate_lot, fill_hall_lot
from simulator.city.houses import fill_house_lot
from simulator.city.informal import fill_informal_lot
from simulator.city.parcels import Parcel
from simulator.city.perimeter import fill_perimeter_lot
from simulator.city.plots import Plot
from simulator.city.rows import fill_row_lot
from simulator.city.style import Fabric

FILLINGS: dict[Fabric, Callable[[Parcel, np.random.Generator], Plot]] = {
    "detached": fill_house_lot,
    "row": fill_row_lot,
    "perimeter": fill_perimeter_lot,
    "estate": fill_estate_lot,
    "halls": fill_hall_lot,
    "informal": fill_informal_lot,
    "compound": fill_compound_lot,
}


def fill_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """The buildings, ground and things of a lot; the same for the same state of `rng`."""
    return FILLINGS[parcel.character.fabric](parcel, rng)
