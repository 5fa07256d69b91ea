"""Features of a user's vector file: what OpenStreetMap would call ways and nodes, in metres, checked."""

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from shapely.geometry.base import BaseGeometry

from rasters.errors import InputError
from rasters.grid import utm_crs
from simulator.city.tags import Role, Tags, normal, role_of

LAYERS: Mapping[str, Tags] = {
    "buildings": {"building": "yes"},
    "building": {"building": "yes"},
    "streets": {"highway": "residential"},
    "roads": {"highway": "residential"},
    "edges": {"highway": "residential"},
    "land_use": {"landuse": "residential"},
    "landuse": {"landuse": "residential"},
    "water": {"natural": "water"},
    "trees": {"natural": "tree"},
    "rails": {"railway": "rail"},
    "barriers": {"barrier": "fence"},
}
"""What features of a layer with such a name are, where no tag of theirs says it: `mage simulate` and osmnx
name layers so."""

GEOMETRIES: Mapping[Role, tuple[str, ...]] = {
    "building": ("Polygon",),
    "street": ("LineString",),
    "path": ("LineString",),
    "rail": ("LineString",),
    "barrier": ("LineString",),
    "stream": ("LineString",),
    "water": ("Polygon",),
    "area": ("Polygon",),
    "tree": ("Point",),
}
PARTS = 1000  # that a feature may have
HSTORE = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')  # OGR's column of all other tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One thing on a map.

    Attributes:
        name: The file and the feature, for messages.
        number: Its position in the file times `PARTS`, and which part it is.
        role: What it is to a city.
        shape: A polygon, line or point of the kind that its role asks for, valid, in metres.
        tags: OpenStreetMap's, keys in lower case with colons.
    """

    name: str
    number: int
    role: Role
    shape: BaseGeometry
    tags: Tags


def read_features(path: Path) -> tuple[list[Feature], str]:
    """All features with a role, in the order of the file, in the UTM zone of most of them, and that zone.

    Args:
        path: A GeoPackage, every layer with a CRS; or a GeoJSON FeatureCollection (RFC 7946: degrees).

    Raises:
        InputError: The file is missing, unreadable or without CRS, or a feature's geometry is empty, invalid,
            not finite, or of another kind than it must be.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such layout; give a GeoPackage or a GeoJSON file")
    found = list(
        _read_geojson(path) if path.suffix.lower() in (".json", ".geojson") else _read_geopackage(path)
    )
    parts = []
    for crs, feature in found:
        parts += [(crs, part) for part in _simple_parts(feature)]
    if not any(part.role in ("building", "street") for _, part in parts):
        raise InputError(
            f"{path} has no buildings and no streets: polygons with a `building` tag, lines with a `highway` "
            "tag, or layers called buildings and streets"
        )
    zone = _zone(path, parts)
    return _reproject(parts, zone), zone


def _read_geopackage(path: Path) -> Iterator[tuple[str, Feature]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # GDAL's remarks on what it reads all the same
            layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
            frames = [
                geopandas.read_file(path, layer=layer, engine="pyogrio", fid_as_index=True)
                for layer in layers
            ]
    except (DataSourceError, DataLayerError) as error:
        raise InputError(f"{path} cannot be read as a GeoPackage; give a GeoPackage or GeoJSON") from error
    number = 0
    for name, frame in zip(layers, frames, strict=True):
        crs = ""
        columns = {c: normal(str(c)) for c in frame.columns if c != "geometry"}
        rows = zip(frame.index, frame.geometry, frame[list(columns)].to_dict("records"), strict=True)
        for fid, shape, record in rows:
            tags = _tags({columns[key]: value for key, value in record.items()}, name)
            where = f"{path}: layer {name}, fid {fid}"
            number += 1
            feature = _feature(where, number, shape, tags, strict=name.lower() in LAYERS)
            if feature is not None:
                crs = crs or _known_crs(path, name, frame)  # a layer of nothing needs none
                yield crs, feature


def _known_crs(path: Path, layer: str, frame: geopandas.GeoDataFrame) -> str:
    crs = frame.crs
    if crs is None or crs.name.startswith("Undefined") or not (crs.is_projected or crs.is_geographic):
        raise InputError(
            f"{path}: layer {layer} has no coordinate reference system; assign it one (ogr2ogr -a_srs)"
        )
    return crs.to_wkt()


def _read_geojson(path: Path) -> Iterator[tuple[str, Feature]]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is not readable JSON ({error})") from error
    entries = table.get("features") if isinstance(table, dict) else None
    if not isinstance(entries, list) or table.get("type") != "FeatureCollection":
        raise InputError(f"{path} must be a GeoJSON FeatureCollection (RFC 7946); osmtogeojson makes one")
    crs = table.get("crs")  # of the format as it was before RFC 7946
    named = "CRS84" if crs is None else re.sub(r'.*"name": "([^"]*)".*', r"\1", json.dumps(crs))
    if not named.endswith(("CRS84", "4326")):
        raise InputError(
            f"{path} is in {named}, GeoJSON must be in WGS 84 degrees (RFC 7946); write a GeoPackage"
        )
    degrees = "EPSG:4326"
    for number, entry in enumerate(entries, start=1):
        where = f"{path}: feature {entry.get('id', number) if isinstance(entry, dict) else number}"
        try:
            shape = None if entry["geometry"] is None else shapely.geometry.shape(entry["geometry"])
            record = {normal(str(k)): v for k, v in (entry.get("properties") or {}).items()}
        except (
            KeyError,
            TypeError,
            AttributeError,
            ValueError,
            IndexError,
            shapely.errors.ShapelyError,
        ) as error:
            raise InputError(f"{where} is not a GeoJSON feature ({error!r})") from error
        if isinstance(record.get("tags"), dict):
            record |= {normal(str(k)): v for k, v in record["tags"].items()}
        feature = _feature(where, number, shape, _tags(record, ""), strict=False)
        if feature is not None:
            yield degrees, feature


def _tags(record: Mapping[str, Any], layer: str) -> dict[str, str]:
    """A feature's tags as text, with those of OGR's `other_tags`, and what its layer's name says."""
    tags = {
        k: str(v).lower() if isinstance(v, bool) else str(v)
        for k, v in record.items()
        if isinstance(v, str | int | np.integer | bool) or _number(v)
    }
    for packed in (tags.pop("other:tags", ""), tags.pop("all:tags", "")):
        tags |= {normal(key): value for key, value in HSTORE.findall(packed)}
    implied = LAYERS.get(layer.lower(), {})
    for key, default in implied.items():
        same = {"landuse": "use", "barrier": "kind"}.get(key, key)
        tags[key] = tags.get(key, tags.get(same, default))
    return {key: value for key, value in tags.items() if value != ""}


def _number(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isfinite(value))


def _feature(
    name: str, number: int, shape: BaseGeometry | None, tags: Tags, *, strict: bool
) -> Feature | None:
    """The feature, checked; None if it is nothing to a city."""
    role = role_of(tags, "" if shape is None else shape.geom_type)
    if role is None:
        return None
    if shape is None or shape.is_empty:
        raise InputError(f"{name}: this {role} has an empty geometry; draw it or delete it")
    wanted = GEOMETRIES[role]
    if shape.geom_type.removeprefix("Multi") not in wanted:
        if strict or (role == "building" and shape.geom_type.endswith("LineString")):
            raise InputError(f"{name}: this {role} must be a {' or '.join(wanted)}, got a {shape.geom_type}")
        return None  # OpenStreetMap has points and relations with the same keys, which are no such thing
    shape = shapely.force_2d(shape)
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        raise InputError(f"{name}: this {role} has coordinates that are not finite numbers")
    if not shape.is_valid:
        raise InputError(
            f"{name}: this {role} is not a valid geometry: {shapely.is_valid_reason(shape)}; mend it"
        )
    return Feature(name=name, number=number, role=role, shape=shape, tags=tags)


def _simple_parts(feature: Feature) -> list[Feature]:
    """A feature of several parts as several features."""
    parts = [part for part in shapely.get_parts(feature.shape) if not part.is_empty]
    if len(parts) > PARTS:
        raise InputError(
            f"{feature.name}: this {feature.role} has {len(parts)} parts, at most {PARTS} are read; split it "
            "(ogr2ogr -explodecollections)"
        )
    return [replace(feature, shape=part, number=PARTS * feature.number + k) for k, part in enumerate(parts)]


def _zone(path: Path, parts: list[tuple[str, Feature]]) -> str:
    """The UTM zone of the middle one of the buildings, or streets."""
    role = "building" if any(part.role == "building" for _, part in parts) else "street"
    places = []
    for crs in dict.fromkeys(crs for crs, _ in parts):
        xy = [shapely.get_coordinates(part.shape)[0] for c, part in parts if c == crs and part.role == role]
        if xy:
            to_degrees = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
            places.append(np.stack(to_degrees.transform(*np.array(xy).T), 1))
    longitude, latitude = np.median(np.concatenate(places), axis=0)
    try:
        return utm_crs(float(longitude), float(latitude))
    except InputError as error:
        raise InputError(f"{path}: {error}; is its coordinate reference system right?") from error


def _reproject(parts: list[tuple[str, Feature]], zone: str) -> list[Feature]:
    shapes = np.array([part.shape for _, part in parts], dtype=object)
    for crs in dict.fromkeys(crs for crs, _ in parts):
        if pyproj.CRS(crs) != pyproj.CRS(zone):
            ours = np.array([other == crs for other, _ in parts])
            to_zone = pyproj.Transformer.from_crs(crs, zone, always_xy=True).transform
            shapes[ours] = shapely.transform(shapes[ours], to_zone, interleaved=False)
    valid = shapely.is_valid(shapes)
    found = []
    for (_, part), shape, good in zip(parts, shapes, valid, strict=True):
        if not good:  # far from its zone it has infinite coordinates; a sliver may be turned over by rounding
            raise InputError(
                f"{part.name}: this {part.role} is not valid in {zone}: {shapely.is_valid_reason(shape)}; "
                "is its coordinate reference system right?"
            )
        found.append(replace(part, shape=shape))
    return found
