"""OpenGL by moderngl over EGL: `python opengl.py SCENE.npz OUT.npz`, as `benchmarks.engines` writes them.

A shadow map of 4096 texels with 3 x 3 filtered samples, the sky without occlusion, 2 x 2 pixels for one.
"""

import sys
import time

import moderngl
import numpy as np

SHADOW, OVER = 4096, 2
VERTEX = """#version 330
uniform mat4 view; in vec3 at; in vec3 way; in vec3 tint; out vec3 p; out vec3 n; out vec3 c;
void main() { p = at; n = way; c = tint; gl_Position = view * vec4(at, 1); }"""
LIT = """#version 330
uniform mat4 lamp; uniform vec3 sun; uniform vec3 direct; uniform vec3 sky; uniform sampler2DShadow map;
in vec3 p; in vec3 n; in vec3 c; out vec4 colour;
void main() {
  vec3 m = n.z < 0 ? -n : n; vec4 q = lamp * vec4(p + 0.15 * m, 1); q = q * 0.5 + 0.5; float free = 0;
  for (int i = -1; i < 2; i++) for (int j = -1; j < 2; j++)
    free += texture(map, vec3(q.xy + vec2(i, j) / 4096.0, q.z - 0.0005)) / 9;
  colour = vec4(c * (direct * max(dot(m, sun), 0) * free + sky), 1);
}"""
DARK = "#version 330\nvoid main() {}"


def main(source: str, target: str) -> None:
    """Draws once to warm up and three times for the clock."""
    data = dict(np.load(source))
    start = time.process_time()
    context = moderngl.create_context(standalone=True, backend="egl", require=330)
    draw = prepared(context, data)
    draw()
    build, seconds = time.process_time() - start, []
    for _ in range(3):
        start = time.process_time()
        image = draw()
        seconds.append(time.process_time() - start)
    renderer = context.info["GL_RENDERER"]
    np.savez(target, image=image, seconds=seconds, build=build - min(seconds), renderer=renderer)


def prepared(context: moderngl.Context, data: dict[str, np.ndarray]):
    """A function that draws (3, N, N) apparent reflectance."""
    corners = data["vertices"][data["faces"]].astype(np.float32)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    each = np.concatenate([corners, *(np.repeat(a[:, None], 3, 1) for a in (normal, data["colour"]))], axis=2)
    buffer = context.buffer(np.ascontiguousarray(each, np.float32).tobytes())
    lit = context.program(vertex_shader=VERTEX, fragment_shader=LIT)
    dark = context.program(vertex_shader=VERTEX, fragment_shader=DARK)
    seen = context.vertex_array(lit, [(buffer, "3f 3f 3f", "at", "way", "tint")])
    cast = context.vertex_array(dark, [(buffer, "3f 24x", "at")])
    shadow = context.depth_texture((SHADOW, SHADOW))
    shadow.compare_func = "<="
    n = int(data["size"]) * OVER
    picture = context.texture((n, n), 4, dtype="f4")
    lamp_target = context.framebuffer(depth_attachment=shadow)
    eye_target = context.framebuffer([picture], context.depth_renderbuffer((n, n)))
    lamp, eye = lamp_matrix(data), eye_matrix(data)
    lit["view"].write(eye.T.astype("f4").tobytes())
    lit["lamp"].write(lamp.T.astype("f4").tobytes())
    dark["view"].write(lamp.T.astype("f4").tobytes())
    for name in ("sun", "direct", "sky"):
        lit[name].value = tuple(float(v) for v in data[name])

    def draw() -> np.ndarray:
        context.enable(moderngl.DEPTH_TEST)
        lamp_target.use()
        lamp_target.clear(depth=1.0)
        cast.render()
        eye_target.use()
        eye_target.clear(depth=1.0)
        shadow.use(0)
        seen.render()
        image = np.frombuffer(picture.read(), np.float32).reshape(n, n, 4)[::-1, :, :3]
        return image.reshape(n // OVER, OVER, n // OVER, OVER, 3).mean((1, 3)).transpose(2, 0, 1)

    return draw


def box(axes: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """(4, 4) onto the unit cube of what lies between `low` and `high` along three axes."""
    scale = 2 / (high - low)
    matrix = np.eye(4)
    matrix[:3, :3] = axes * scale[:, None]
    matrix[:3, 3] = -(high + low) / (high - low)
    return matrix


def eye_matrix(data: dict[str, np.ndarray]) -> np.ndarray:
    side = float(data["size"] * data["gsd"])
    z = data["vertices"][:, 2]
    low = np.array([data["west"], data["north"] - side, -z.max() - 1])
    high = np.array([data["west"] + side, data["north"], -z.min() + 1])
    return box(np.diag([1.0, 1.0, -1.0]), low, high)


def lamp_matrix(data: dict[str, np.ndarray]) -> np.ndarray:
    sun = data["sun"]
    right = np.array([sun[1], -sun[0], 0]) / np.hypot(sun[0], sun[1])
    axes = np.stack([right, np.cross(sun, right), -sun])
    seen = data["vertices"] @ axes.T
    return box(axes, seen.min(0) - 1, seen.max(0) + 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
