"""Reads every barcode of the pictures named as arguments; prints one list for each picture, as JSON."""

import json
import sys

import zxingcpp
from PIL import Image


def read(path):
    found = zxingcpp.read_barcodes(Image.open(path))
    return [{"format": str(code.format), "aim": code.symbology_identifier, "text": code.text} for code in found]


print(json.dumps([read(path) for path in sys.argv[1:]]))
