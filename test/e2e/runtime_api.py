"""The runtime's C API (runtime/nyala.h) by ctypes, for models that are fed token ids."""

import ctypes

import numpy as np

from harness import BUILD

LOGITS = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_float))


def _library():
    library = ctypes.CDLL(str(BUILD / "lib" / "libnyala.so"))
    library.nyala_last_error.restype = ctypes.c_char_p
    library.nyala_session_logits.restype = ctypes.POINTER(ctypes.c_float)
    return library


class Session:
    """An artifact and a session of it, closed at the end of a `with`."""

    def __init__(self, artifact, vocabulary):
        self.library, self.vocabulary = _library(), vocabulary
        self.model, self.handle = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(self.library.nyala_model_open(str(artifact).encode(),
                                                  ctypes.byref(self.model)))
        self._check(self.library.nyala_session_create(self.model, None,
                                                      ctypes.byref(self.handle)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.nyala_session_close(self.handle)
        self.library.nyala_model_close(self.model)

    def _check(self, status):
        assert status == 0, self.library.nyala_last_error().decode()

    def _row(self, pointer):
        return np.ctypeslib.as_array(pointer, (self.vocabulary,)).copy()

    def prefill_all(self, tokens):
        """Logits after each of the tokens: tokens × vocabulary."""
        rows = []
        ids = (ctypes.c_int32 * len(tokens))(*tokens)
        callback = LOGITS(lambda user, index, logits: rows.append(self._row(logits)))
        self._check(self.library.nyala_session_prefill_all(
            self.handle, ids, ctypes.c_size_t(len(tokens)), callback, None))
        return np.stack(rows)

    def decode(self, token):
        """Logits after the token."""
        self._check(self.library.nyala_session_decode(self.handle, ctypes.c_int32(token)))
        return self._row(self.library.nyala_session_logits(self.handle))
