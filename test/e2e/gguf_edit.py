"""Edits of GGUF files, byte by byte: what a writer would refuse to write."""

import struct
from pathlib import Path

import gguf
import numpy as np


def end_of_infos(reader):
    """Where the tensor infos end; the data begins at the next multiple of the alignment."""
    last = max((tensor.field for tensor in reader.tensors), key=lambda field: field.offset)
    return last.offset + sum(int(part.nbytes) for part in last.parts)


def replace_string(source, target, key, value):
    """Copies a file with another value of a string key."""
    reader = gguf.GGUFReader(source)
    field = reader.fields[key]
    length, text = field.parts[-2:]
    begin = field.offset + sum(int(part.nbytes) for part in field.parts[:-2])
    data = np.fromfile(source, np.uint8)
    raw = value.encode()
    head = (data[:begin].tobytes() + struct.pack("<Q", len(raw)) + raw
            + data[begin + int(length.nbytes) + int(text.nbytes):end_of_infos(reader)].tobytes())
    head += bytes(-len(head) % reader.alignment)
    with open(target, "wb") as file:
        file.write(head)
        data[reader.data_offset:].tofile(file)


def cut(source, target, size):
    Path(target).write_bytes(Path(source).read_bytes()[:size])


def patch(source, target, offset, data):
    """Copies a file with some bytes replaced."""
    content = bytearray(Path(source).read_bytes())
    assert offset + len(data) <= len(content)
    content[offset:offset + len(data)] = data
    Path(target).write_bytes(content)


class Layout:
    """Byte offsets of the parts of a GGUF file (version 2 or 3, little endian)."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.size = Path(path).stat().st_size
        self.tensor_count = 8
        self.key_count = 16
        self.keys = {name: field.offset for name, field in reader.fields.items()
                     if not name.startswith("GGUF.")}
        self.values = {}  # of each key: where its value (after the type) begins
        for name, offset in self.keys.items():
            self.values[name] = offset + 8 + len(name) + 4
        self.infos = {tensor.name: tensor.field.offset for tensor in reader.tensors}
        # A tensor info: name, dimension count, dimensions, type, offset.
        self.dimension_counts, self.dimensions, self.types, self.offsets = {}, {}, {}, {}
        for tensor in reader.tensors:
            self.dimension_counts[tensor.name] = tensor.field.offset + 8 + len(tensor.name)
            self.dimensions[tensor.name] = self.dimension_counts[tensor.name] + 4
            self.types[tensor.name] = self.dimensions[tensor.name] + 8 * len(tensor.shape)
            self.offsets[tensor.name] = self.types[tensor.name] + 4
        self.infos_end = end_of_infos(reader)
        self.data = {tensor.name: (int(tensor.data_offset), int(tensor.n_bytes))
                     for tensor in reader.tensors}
        self.data_begin = reader.data_offset

    def borders(self):
        """Offsets where a section, a key, a tensor info or a tensor's data begins or ends."""
        points = {0, 4, 8, 16, 24, self.infos_end, self.data_begin}
        points |= set(self.keys.values()) | set(self.values.values()) | set(self.infos.values())
        points |= set(self.dimensions.values()) | set(self.types.values())
        points |= set(self.offsets.values())
        for offset, count in self.data.values():
            points |= {offset, offset + count}
        return sorted(points)
