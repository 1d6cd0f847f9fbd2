"""XMP packets: what a changed picture makes untrue is taken out, and another packet's words are put in.

XMP (ISO 16684-1) is RDF in XML. A packet is left as it is, to the byte, unless something in it must go.
"""

from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as ET

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_TIFF_ORIENTATION = "{http://ns.adobe.com/tiff/1.0/}Orientation"

_UNTRUE = (
    "{http://ns.adobe.com/xap/1.0/}Thumbnails",  # the face as it was
    "{http://ns.google.com/photos/1.0/image/}",  # the whole picture as it was
    "{http://ns.google.com/photos/1.0/depthmap/}",
    "{http://ns.google.com/photos/1.0/container/}",  # what follows the picture in its file, which is left out
    "{http://ns.google.com/photos/1.0/camera/}MicroVideo",
    "{http://ns.google.com/photos/1.0/camera/}MotionPhoto",
    "{http://ns.adobe.com/hdr-gain-map/1.0/}",
    "{http://ns.adobe.com/xmp/note/}HasExtendedXMP",
)

_LONGEST = 4 << 20  # bytes that are parsed

_EMPTY = (
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about=""/></rdf:RDF>'
)

_BEGIN = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_END = b'<?xpacket end="w"?>'


def correct_packet(packet: bytes) -> bytes | None:
    """The packet for an upright, changed picture; None if it can't be understood."""
    root = _parsed(packet)
    if root is None:
        return None
    changed = False
    for description in root.iter(f"{_RDF}Description"):
        for name in [one for one in description.attrib if one.startswith(_UNTRUE)]:
            del description.attrib[name]
            changed = True
        for child in [one for one in description if one.tag.startswith(_UNTRUE)]:
            description.remove(child)
            changed = True
        if description.get(_TIFF_ORIENTATION, "1") != "1":
            description.set(_TIFF_ORIENTATION, "1")
            changed = True
        for child in description.findall(_TIFF_ORIENTATION):
            changed |= child.text != "1"
            child.text = "1"
    return _written(root) if changed else packet


def merge_packets(packet: bytes, more: bytes) -> bytes:
    """A packet with the properties of another in it, which replace those of the same name.

    Args:
        packet: one that is there already. What can't be understood is replaced.
        more: one with a single description.
    """
    root, new = _parsed(packet), _parsed(more)
    assert new is not None, "this packet is ours"
    place = None if root is None else root.find(f".//{_RDF}RDF") if root.tag != f"{_RDF}RDF" else root
    if root is None or place is None:
        return more
    [description] = new.iter(f"{_RDF}Description")
    names = {*description.attrib, *(child.tag for child in description)} - {f"{_RDF}about"}
    for old in place.findall(f"{_RDF}Description"):
        for name in names & set(old.attrib):
            del old.attrib[name]
        for child in [one for one in old if one.tag in names]:
            old.remove(child)
    place.append(description)
    return _written(root)


def with_our_words(packet: bytes) -> int:
    """How many bytes a packet has at most when another, of no more than 1,500, was merged with it."""
    return len(merge_packets(packet, _EMPTY)) + 1500


def _parsed(packet: bytes) -> ET.Element | None:
    if len(packet) > _LONGEST or b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        return None
    text = packet.strip(b"\0 \t\r\n")
    for prefix, uri in re.findall(rb'xmlns:([\w.-]+)\s*=\s*["\']([^"\']+)["\']', text):
        with contextlib.suppress(
            ValueError, UnicodeDecodeError
        ):  # a prefix that ElementTree keeps for itself
            ET.register_namespace(prefix.decode(), uri.decode())
    try:
        return ET.fromstring(text)
    except (ET.ParseError, ValueError, LookupError):
        return None


def _written(root: ET.Element) -> bytes:
    text: bytes = ET.tostring(root, encoding="utf-8")
    return _BEGIN + text + _END
