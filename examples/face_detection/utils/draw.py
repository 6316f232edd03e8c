"""Pictures, and faces on them."""

from pathlib import Path

import skimage
from PIL import Image, ImageDraw

ASTRONAUT = Path(skimage.__file__).parent / "data" / "astronaut.png"
COLOUR = (0, 255, 0)


def draw(picture, results, drawn):
    """Save the picture as `drawn`, with boxes round the faces, dots on their landmarks, and how sure they are."""
    image = Image.open(picture).convert("RGB")
    pen = ImageDraw.Draw(image)
    for face in results:
        up_left, lower_right = face.box.up_left, face.box.lower_right
        pen.rectangle((up_left.x, up_left.y, lower_right.x, lower_right.y), outline=COLOUR, width=2)
        pen.text((up_left.x, up_left.y - 20), f"{face.confidence:.3f}", fill=COLOUR, font_size=16)
        for _, point in face.landmarks.ListFields():
            pen.circle((point.x, point.y), 2, fill=COLOUR)
    image.save(drawn)
