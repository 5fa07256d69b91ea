"""Blender's Cycles: `python blender_cycles.py SCENE.npz OUT.npz` where `bpy` is installed; what is in them
says `benchmarks.engines`. 16 samples a pixel, then Blender's denoiser, as its users would.
"""

import math
import sys
import tempfile
import time
from pathlib import Path

import bpy
import numpy as np

SAMPLES = 16


def main(source: str, target: str) -> None:
    """Draws once: it takes long, and has nothing to warm up but its kernels."""
    data = dict(np.load(source))
    start = time.process_time()
    scene = stage(data)
    build = time.process_time() - start
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "frame.exr")
        start = time.process_time()
        bpy.ops.render.render(write_still=True)
        seconds = time.process_time() - start
        image = pixels(bpy.data.images.load(scene.render.filepath))
    np.savez(target, image=image, seconds=[seconds], build=build, version=bpy.app.version_string)


def stage(data: dict[str, np.ndarray]) -> bpy.types.Scene:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = (
        SAMPLES,
        True,
        False,
    )
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "BOX", 1.0
    scene.cycles.max_bounces = 3
    scene.render.resolution_x = scene.render.resolution_y = int(data["size"])
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.collection.objects.link(city(data))
    camera = bpy.data.cameras.new("eye")
    camera.type, camera.ortho_scale, camera.clip_end = "ORTHO", float(data["size"] * data["gsd"]), 5000.0
    eye = bpy.data.objects.new("eye", camera)
    half = camera.ortho_scale / 2
    eye.location = (float(data["west"]) + half, float(data["north"]) - half, 1000.0)
    scene.collection.objects.link(eye)
    scene.camera = eye
    scene.collection.objects.link(sun(data))
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (*map(float, data["sky"]), 1.0)
    scene.world = world
    return scene


def city(data: dict[str, np.ndarray]) -> bpy.types.Object:
    vertices, faces = data["vertices"], data["faces"]
    mesh = bpy.data.meshes.new("city")
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(faces, np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.update()
    mesh.shade_flat()
    colour = mesh.attributes.new("colour", "FLOAT_COLOR", "CORNER")
    each = np.column_stack([data["colour"], np.ones(len(faces))]).repeat(3, axis=0)
    colour.data.foreach_set("color", each.astype(np.float32).ravel())
    material = bpy.data.materials.new("plain")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    read, diffuse = nodes.new("ShaderNodeAttribute"), nodes.new("ShaderNodeBsdfDiffuse")
    read.attribute_name = "colour"
    out = nodes.new("ShaderNodeOutputMaterial")
    links.new(read.outputs["Color"], diffuse.inputs["Color"])
    links.new(diffuse.outputs["BSDF"], out.inputs["Surface"])
    mesh.materials.append(material)
    return bpy.data.objects.new("city", mesh)


def sun(data: dict[str, np.ndarray]) -> bpy.types.Object:
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.angle, lamp.energy = 2 * 0.00465, math.pi
    lamp.color = tuple(map(float, data["direct"]))
    thing = bpy.data.objects.new("sun", lamp)
    x, y, z = data["sun"]
    thing.rotation_euler = (math.acos(z), 0.0, math.atan2(y, x) + math.pi / 2)
    return thing


def pixels(image: bpy.types.Image) -> np.ndarray:
    """(3, N, N) linear; Blender's first row is the lowest."""
    values = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
    image.pixels.foreach_get(values)
    rows = values.reshape(image.size[1], image.size[0], image.channels)
    return rows[::-1, :, :3].transpose(2, 0, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
