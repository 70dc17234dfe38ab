"""What measurements of grounded generation need of runtime/nyala.h, by ctypes."""
import ctypes
import sys
from ctypes import POINTER, byref, c_bool, c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test" / "e2e"))

import runtime_api  # noqa: E402
from runtime_api import JSONL, RAW, TEXT, Data, NyalaError  # noqa: E402,F401


class _Sampler(ctypes.Structure):
    _fields_ = [("temperature", ctypes.c_float), ("top_k", c_uint32), ("top_p", ctypes.c_float),
                ("seed", c_uint64)]


class _Message(ctypes.Structure):
    _fields_ = [("role", c_char_p), ("content", c_char_p)]


SIGNATURES = {
    "tokenize": [c_void_p, c_char_p, c_size_t, c_bool, c_void_p, c_size_t, POINTER(c_size_t)],
    "token_bytes": [c_void_p, c_int32, c_bool, POINTER(c_size_t)],
    "model_is_stop": [c_void_p, c_int32],
    "chat_format": [c_void_p, POINTER(_Message), c_size_t, c_bool, c_void_p, c_size_t,
                    POINTER(c_size_t)],
    "constraint_create_references": [c_void_p, c_void_p, POINTER(c_void_p)],
    "constraint_close": [c_void_p],
    "constraint_mask": [c_void_p, c_size_t, POINTER(POINTER(c_uint64)), POINTER(c_size_t)],
    "constraint_advance": [c_void_p, c_int32],
    "constraint_can_end": [c_void_p],
    "constraint_least": [c_void_p],
    "constraint_reset": [c_void_p],
    "session_set_constraint": [c_void_p, c_void_p, c_size_t],
    "session_set_sampler": [c_void_p, POINTER(_Sampler)],
    "session_sample": [c_void_p, POINTER(c_int32)],
    "session_set_tokens": [c_void_p, POINTER(c_int32), c_size_t, c_void_p],
    "session_decode": [c_void_p, c_int32],
    "session_rollback": [c_void_p, c_uint32],
}
RESULTS = {"token_bytes": c_void_p, "model_is_stop": c_bool, "constraint_can_end": c_bool,
           "constraint_least": c_size_t}


class GroundedSession(runtime_api.Session):
    """An artifact and a session of it, with text, records and constraints."""

    def __init__(self, artifact, threads=0, sequences=1):
        super().__init__(artifact, 0, threads, sequences)
        for name, arguments in SIGNATURES.items():
            function = getattr(self.library, "nyala_" + name)
            function.argtypes, function.restype = arguments, RESULTS.get(name, ctypes.c_int)

    def check(self, status):
        if status != 0:
            raise NyalaError(self.library.nyala_last_error().decode())

    _check = check  # of calls that the base class has

    # --- Text ---

    def tokenize(self, text, special=False):
        data, count = text.encode(), c_size_t()
        ids = (c_int32 * (len(data) + 2))()
        self.check(self.library.nyala_tokenize(self.model, data, len(data), special, ids, len(ids),
                                                byref(count)))
        return ids[:count.value]

    def token_bytes(self, token, special=False):
        """None for an id that there is not."""
        length = c_size_t()
        start = self.library.nyala_token_bytes(self.model, token, special, byref(length))
        return None if start is None else ctypes.string_at(start, length.value)

    def vocabulary_bytes(self, special=False):
        """Of all tokens, by id."""
        tokens = []
        while (data := self.token_bytes(len(tokens), special)) is not None:
            tokens.append(data)
        return tokens

    def is_stop(self, token):
        return self.library.nyala_model_is_stop(self.model, token)

    def format_chat(self, messages):
        """Messages are (role, content)."""
        array = (_Message * len(messages))(*((role.encode(), content.encode())
                                             for role, content in messages))
        length = c_size_t()
        text = ctypes.create_string_buffer(4096 + 2 * sum(len(m.content) for m in array))
        self.check(self.library.nyala_chat_format(self.model, array, len(array), True, text,
                                                   len(text), byref(length)))
        return text.raw[:length.value].decode()

    # --- Sequences ---

    def set_tokens(self, tokens):
        self.check(self.library.nyala_session_set_tokens(
            self.handle, (c_int32 * len(tokens))(*tokens), len(tokens), None))

    def set_sampler(self, temperature, seed):
        options = _Sampler(temperature, 0, 1.0, seed)
        self.check(self.library.nyala_session_set_sampler(self.handle, byref(options)))

    def sample(self):
        token = c_int32()
        self.check(self.library.nyala_session_sample(self.handle, byref(token)))
        return token.value

    def append(self, token):
        """Decodes a token of the selected sequence."""
        self.check(self.library.nyala_session_decode(self.handle, token))

    def append_batch(self, sequences, tokens):
        count = len(sequences)
        self.check(self.library.nyala_session_decode_batch(
            self.handle, c_size_t(count), (c_uint32 * count)(*sequences),
            (c_int32 * count)(*tokens)))

    def rollback(self, position):
        self.check(self.library.nyala_session_rollback(self.handle, position))

    def set_constraint(self, constraint, limit=0):
        self.check(self.library.nyala_session_set_constraint(
            self.handle, constraint and constraint.handle, limit))


class Constraint:
    """Of references into data, closed at the end of a `with`."""

    def __init__(self, session, data):
        self.session, self.library, self.handle = session, session.library, c_void_p()
        session.check(self.library.nyala_constraint_create_references(
            session.model, data.handle, byref(self.handle)))
        self.count, self.bits = c_size_t(), POINTER(c_uint64)()
        self.make_mask, self.result = (self.library.nyala_constraint_mask,
                                       (byref(self.bits), byref(self.count)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.nyala_constraint_close(self.handle)

    def mask(self, left):
        """Makes the next mask, which `words` has then. What ctypes adds to its time is little."""
        if self.make_mask(self.handle, left, *self.result):
            self.session.check(1)

    def words(self):
        """The mask, 64 bits each, valid until the next call."""
        return np.ctypeslib.as_array(self.bits, (self.count.value,))

    def allows(self, token):
        """In the mask."""
        return self.bits[token // 64] >> token % 64 & 1 == 1

    def advance(self, token):
        """False if the token may not come."""
        return self.library.nyala_constraint_advance(self.handle, token) == 0

    def can_end(self):
        return self.library.nyala_constraint_can_end(self.handle)

    def least(self):
        return self.library.nyala_constraint_least(self.handle)

    def reset(self):
        self.library.nyala_constraint_reset(self.handle)
