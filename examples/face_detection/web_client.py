"""Asks the Flask app for the faces on a picture:

python web_client.py [URL] [picture]
"""

import base64
import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen

from utils.draw import ASTRONAUT


def main(url="http://127.0.0.1:5000/predict", picture=ASTRONAUT):
    asked = {"image": base64.b64encode(Path(picture).read_bytes()).decode(), "image_id": "1111"}
    request = Request(url, json.dumps(asked).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=60) as reply:
        print(json.dumps(json.load(reply), indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
