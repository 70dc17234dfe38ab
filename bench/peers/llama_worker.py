"""Measures llama.cpp once and prints one JSON object a line, as nyala-bench does; cpu.py runs it.

llama_worker.py MODEL.gguf THREADS PROMPT_TOKENS GENERATED_TOKENS DEPTH FLASH_ATTENTION(on|off)
                [BATCHES(1,4,16)]

What is measured is what nyala-bench measures: decode feeds the likeliest token of the whole
vocabulary back; the first token includes choosing it; one repetition before is not counted. Of a
batch, sequence i begins with DEPTH + i positions, each gets its own likeliest token, and the
tokens of all are counted; prefill and the first token are of one sequence.
"""
import ctypes
import functools
import json
import sys
import time
from pathlib import Path

import llama_cpp
import numpy as np
from llama_cpp import llama_cpp as api

FLASH_ATTENTION = {"on": 1, "off": 0}
CACHE_F16 = 1  # llama.cpp's default; f32 was slower
UNIFIED_CACHE = False  # each sequence has cells of its own; one pool for all was slower


class PoolOptions(ctypes.Structure):
    """ggml_threadpool_params"""
    _fields_ = [("cpumask", ctypes.c_bool * 512), ("n_threads", ctypes.c_int),
                ("prio", ctypes.c_int), ("poll", ctypes.c_uint32), ("strict_cpu", ctypes.c_bool),
                ("paused", ctypes.c_bool)]


def load_library(name):
    """One of llama.cpp's libraries, for what llama-cpp-python has no binding of."""
    return ctypes.CDLL(str(Path(llama_cpp.__file__).parent / "lib" / name))


@functools.cache
def make_pool(threads):
    """Threads that wait spinning and outlive a call, as llama.cpp's own tools have; without them each
    call starts its threads anew."""
    ggml = load_library("libggml-cpu.so")
    options = PoolOptions()
    ggml.ggml_threadpool_params_init(ctypes.byref(options), threads)
    assert options.n_threads == threads, "ggml_threadpool_params has another layout"
    options.poll = 100
    ggml.ggml_threadpool_new.restype = ctypes.c_void_p
    return ctypes.c_void_p(ggml.ggml_threadpool_new(ctypes.byref(options)))


class Engine:
    """A model and an empty context of llama.cpp with room for `sequences` of `positions` each."""

    def __init__(self, model_path, threads, positions, flash_attention, sequences=1):
        self.quiet = api.llama_log_callback(lambda *_: None)  # outlives the library's use of it
        api.llama_log_set(self.quiet, ctypes.c_void_p(0))
        api.llama_backend_init()
        self.model = api.llama_model_load_from_file(model_path.encode(),
                                                    api.llama_model_default_params())
        if not self.model:
            sys.exit(f"llama.cpp cannot load '{model_path}'")
        options = api.llama_context_default_params()
        options.n_ctx = options.n_batch = positions * sequences
        options.n_seq_max = sequences
        options.kv_unified = UNIFIED_CACHE
        options.n_threads = options.n_threads_batch = threads
        options.flash_attn_type = FLASH_ATTENTION[flash_attention]
        options.type_k = options.type_v = CACHE_F16
        self.context = api.llama_init_from_model(self.model, options)
        if not self.context:
            sys.exit("llama.cpp cannot make a context")
        handle = ctypes.c_void_p(ctypes.cast(self.context, ctypes.c_void_p).value)
        load_library("libllama.so").llama_attach_threadpool(handle, make_pool(threads),
                                                            make_pool(threads))
        self.memory = api.llama_get_memory(self.context)
        self.vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))
        self.step = api.llama_batch_init(sequences, 0, 1)
        self.step.n_tokens = sequences
        for i in range(sequences):
            self.step.n_seq_id[i], self.step.seq_id[i][0], self.step.logits[i] = 1, i, 1

    def close(self):
        """Frees the context and the model."""
        api.llama_batch_free(self.step)
        api.llama_free(self.context)
        api.llama_model_free(self.model)

    def _decode(self, batch):
        if api.llama_decode(self.context, batch) != 0:
            sys.exit("llama_decode failed")

    def feed(self, tokens):
        """Appends tokens to sequence 0; the logits of the last one are computed."""
        array = (api.llama_token * len(tokens))(*tokens)
        self._decode(api.llama_batch_get_one(array, len(tokens)))

    def feed_each(self, tokens, positions):
        """Appends a token to each sequence, which is at that position; computes all logits."""
        for i, (token, position) in enumerate(zip(tokens, positions)):
            self.step.token[i], self.step.pos[i] = token, position
        self._decode(self.step)

    def sample(self, row=-1):
        """The likeliest token of a row that was fed last."""
        logits = np.ctypeslib.as_array(api.llama_get_logits_ith(self.context, row),
                                       (self.vocabulary,))
        return int(logits.argmax())

    def rollback(self, position, sequence=0):
        """Forgets positions from this one on."""
        api.llama_memory_seq_rm(self.memory, sequence, position, -1)

    def copy(self, sequence):
        """Gives the sequence the cache of sequence 0."""
        api.llama_memory_seq_cp(self.memory, 0, sequence, -1, -1)


def time_prompt(engine, depth, prompt):
    """(seconds until the prompt is read, seconds until the first token is known)"""
    engine.rollback(depth)
    begin = time.perf_counter()
    engine.feed(prompt)
    read = time.perf_counter()
    engine.sample()
    return read - begin, time.perf_counter() - begin


def time_decode(engine, depth, tokens, count):
    """Seconds that `count` tokens of each sequence take, `tokens` being the first ones."""
    sequences = range(len(tokens))
    for i in sequences:
        engine.rollback(depth + i, i)
    begin = time.perf_counter()
    for step in range(count):
        engine.feed_each(tokens, [depth + i + step for i in sequences])
        tokens = [engine.sample(i) for i in sequences]
    return time.perf_counter() - begin


def main():
    model = sys.argv[1]
    threads, prompt_tokens, generated_tokens, depth = map(int, sys.argv[2:6])
    batches = [int(batch) for batch in sys.argv[7].split(",")] if len(sys.argv) > 7 else [1]

    def make_engine(tokens, sequences):
        # Rounded up as llama.cpp does, so that the attention over an almost full cache fits.
        positions = -(-(depth + tokens) // 256) * 256
        return Engine(model, threads, positions, sys.argv[6], sequences)

    def report(test, batch, tokens, value, unit):
        print(json.dumps({"test": test, "threads": threads, "batch": batch, "depth": depth,
                          "tokens": tokens, "samples": [value], "median": value, "unit": unit}))

    def make_ids(engine, count):
        return [int(i) for i in np.random.default_rng(1).integers(0, engine.vocabulary, count)]

    if prompt_tokens:
        engine = make_engine(prompt_tokens, 1)
        ids = make_ids(engine, depth + prompt_tokens)
        if depth:
            engine.feed(ids[:depth])
        time_prompt(engine, depth, ids[depth:])
        read, first = time_prompt(engine, depth, ids[depth:])
        report("prefill", 1, prompt_tokens, prompt_tokens / read, "tok/s")
        report("first_token", 1, prompt_tokens, 1000 * first, "ms")
        engine.close()
    for batch in batches if generated_tokens else []:
        engine = make_engine(batch - 1 + generated_tokens, batch)
        ids = make_ids(engine, depth + batch)
        if depth + batch > 1:
            engine.feed(ids[:depth + batch - 1])
        for sequence in range(1, batch):
            engine.copy(sequence)
        time_decode(engine, depth, ids[:batch], generated_tokens)
        seconds = time_decode(engine, depth, ids[:batch], generated_tokens)
        report("decode", batch, generated_tokens, batch * generated_tokens / seconds, "tok/s")
        engine.close()


main()
