"""What a lot is filled with, by its neighbourhood's fabric."""

import numpy as np

from simulator.city.compounds import fill_compound_lot
from simulator.city.estates import fill_estate_lot, fill_hall_lot
from simulator.city.houses import fill_house_lot
from simulator.city.informal import fill_informal_lot
from simulator.city.parcels import Parcel
from simulator.city.perimeter import fill_perimeter_lot
from simulator.city.plots import Plot
from simulator.city.rows import fill_row_lot


def fill_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """The buildings, ground and things of a lot; the same for the same state of `rng`."""
    match parcel.character.fabric:
        case "detached":
            return fill_house_lot(parcel, rng)
        case "row":
            return fill_row_lot(parcel, rng)
        case "perimeter":
            return fill_perimeter_lot(parcel, rng)
        case "estate":
            return fill_estate_lot(parcel, rng)
        case "halls":
            return fill_hall_lot(parcel, rng)
        case "informal":
            return fill_informal_lot(parcel, rng)
        case "compound":
            return fill_compound_lot(parcel, rng)
