"""The runtime's C API (runtime/nyala.h) by ctypes: sessions that are fed token ids, trainers, data."""

import ctypes

import numpy as np

from harness import BUILD

LOGITS = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_float))


def _library():
    library = ctypes.CDLL(str(BUILD / "lib" / "libnyala.so"))
    library.nyala_last_error.restype = ctypes.c_char_p
    library.nyala_session_logits.restype = ctypes.POINTER(ctypes.c_float)
    return library


class _Options(ctypes.Structure):
    _fields_ = [("context", ctypes.c_uint32), ("threads", ctypes.c_uint32),
                ("sequences", ctypes.c_uint32)]


class Session:
    """An artifact and a session of it, closed at the end of a `with`."""

    def __init__(self, artifact, vocabulary, threads=0, sequences=1):
        self.library, self.vocabulary = _library(), vocabulary
        self.model, self.handle = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(self.library.nyala_model_open(str(artifact).encode(),
                                                  ctypes.byref(self.model)))
        self._check(self.library.nyala_session_create(
            self.model, ctypes.byref(_Options(0, threads, sequences)), ctypes.byref(self.handle)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.nyala_session_close(self.handle)
        self.library.nyala_model_close(self.model)

    def _check(self, status):
        assert status == 0, self.library.nyala_last_error().decode()

    def _row(self, pointer):
        return np.ctypeslib.as_array(pointer, (self.vocabulary,)).copy()

    def logits(self):
        """Logits of the selected sequence."""
        return self._row(self.library.nyala_session_logits(self.handle))

    def select(self, sequence):
        self._check(self.library.nyala_session_select(self.handle, ctypes.c_uint32(sequence)))

    def prefill(self, tokens):
        ids = (ctypes.c_int32 * len(tokens))(*tokens)
        self._check(self.library.nyala_session_prefill(self.handle, ids,
                                                       ctypes.c_size_t(len(tokens))))

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
        return self.logits()

    def decode_batch(self, sequences, tokens):
        """Logits after the token of each sequence: sequences × vocabulary."""
        count = len(sequences)
        self._check(self.library.nyala_session_decode_batch(
            self.handle, ctypes.c_size_t(count), (ctypes.c_uint32 * count)(*sequences),
            (ctypes.c_int32 * count)(*tokens)))
        rows = []
        for sequence in sequences:
            self.select(sequence)
            rows.append(self.logits())
        return np.stack(rows)

    def copy(self, source, target, positions):
        self._check(self.library.nyala_session_copy(
            self.handle, ctypes.c_uint32(source), ctypes.c_uint32(target),
            ctypes.c_uint32(positions)))


class _Info(ctypes.Structure):
    _fields_ = [("batch", ctypes.c_uint32), ("length", ctypes.c_uint32),
                ("states", ctypes.c_uint32), ("accumulates", ctypes.c_bool),
                ("evaluates", ctypes.c_bool), ("peak_bytes", ctypes.c_uint64)]


class _State(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("rows", ctypes.c_uint64),
                ("columns", ctypes.c_uint64), ("values", ctypes.POINTER(ctypes.c_float))]


class _Batch(ctypes.Structure):
    _fields_ = [("tokens", ctypes.c_void_p), ("targets", ctypes.c_void_p),
                ("loss_weights", ctypes.c_void_p), ("rows", ctypes.c_size_t)]


class _NonFinite(ctypes.Structure):
    _fields_ = [("state", ctypes.c_char_p), ("label", ctypes.c_char_p),
                ("kernel", ctypes.c_char_p)]


class Trainer:
    """An artifact of a training step and a trainer of it, closed at the end of a `with`. `states`
    are arrays in the trainer's memory, by name."""

    def __init__(self, artifact, threads=0):
        self.library = _library()
        self.model, self.handle = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(self.library.nyala_model_open(str(artifact).encode(),
                                                  ctypes.byref(self.model)))
        self._check(self.library.nyala_trainer_create(
            self.model, ctypes.byref(ctypes.c_uint32(threads)), ctypes.byref(self.handle)))
        self.info = _Info()
        self.library.nyala_trainer_get_info(self.handle, ctypes.byref(self.info))
        self.states = {}
        for index in range(self.info.states):
            state = _State()
            self._check(self.library.nyala_trainer_get_state(self.handle, index,
                                                             ctypes.byref(state)))
            self.states[state.name.decode()] = np.ctypeslib.as_array(
                state.values, (state.rows, state.columns))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.states = {}
        self.library.nyala_trainer_close(self.handle)
        self.library.nyala_model_close(self.model)

    def _check(self, status):
        assert status == 0, self.library.nyala_last_error().decode()

    def _call(self, name, batch=None, rate=None, results=1):
        """Numbers that nyala_trainer_NAME returns; `batch`: tokens, targets, weights of rows."""
        values = [ctypes.c_float() for _ in range(results)]
        arguments = []
        if batch is not None:
            arrays = [np.ascontiguousarray(array, kind) for array, kind in
                      zip(batch, (np.int32, np.int32, np.float32))]
            arguments.append(ctypes.byref(_Batch(*(array.ctypes.data for array in arrays),
                                                 len(arrays[0]))))
        if rate is not None:
            arguments.append(ctypes.c_float(rate))
        self._check(getattr(self.library, "nyala_trainer_" + name)(
            self.handle, *arguments, *map(ctypes.byref, values)))
        return [value.value for value in values]

    def step(self, batch, rate):
        """(loss, norm of the gradients)"""
        return self._call("step", batch, rate, results=2)

    def accumulate(self, batch):
        """Loss."""
        return self._call("accumulate", batch)[0]

    def update(self, rate):
        """Norm of the gradients."""
        return self._call("update", rate=rate)[0]

    def evaluate(self, batch):
        """Loss."""
        return self._call("evaluate", batch)[0]

    def find_non_finite(self):
        """(state, label, kernel), or None."""
        found, where = ctypes.c_bool(), _NonFinite()
        self._check(self.library.nyala_trainer_find_non_finite(
            self.handle, ctypes.byref(found), ctypes.byref(where)))
        return (where.state, where.label, where.kernel) if found.value else None


TEXT, RAW, JSONL, HTML = range(4)  # nyala_rendering


class NyalaError(Exception):
    """A call failed; says why."""


class Data:
    """A record of JSON text, closed at the end of a `with`."""

    def __init__(self, text):
        self.library, self.handle = _library(), ctypes.c_void_p()
        record = text.encode()
        self._check(self.library.nyala_data_parse(record, ctypes.c_size_t(len(record)),
                                                  ctypes.byref(self.handle)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.nyala_data_close(self.handle)

    def _check(self, status):
        if status != 0:
            raise NyalaError(self.library.nyala_last_error().decode())

    def render(self, generation, *kinds, title=""):
        """Of a generation in bytes: its renderings of these kinds."""
        grounding, length = ctypes.c_void_p(), ctypes.c_size_t()
        self._check(self.library.nyala_grounding_create(
            self.handle, generation, ctypes.c_size_t(len(generation)), ctypes.byref(grounding)))
        texts = []
        for kind in kinds:
            for _ in range(2):  # how long it is, and it
                text = ctypes.create_string_buffer(length.value)
                self._check(self.library.nyala_grounding_render(
                    grounding, kind, title.encode(), text, ctypes.c_size_t(len(text)),
                    ctypes.byref(length)))
            texts.append(text.raw[:length.value].decode())
            length.value = 0
        self.library.nyala_grounding_close(grounding)
        return texts
