"""Measures llama.cpp once and prints one JSON object a line, as nyala-bench does; cpu.py runs it.

llama_worker.py MODEL.gguf THREADS PROMPT_TOKENS GENERATED_TOKENS DEPTH FLASH_ATTENTION(on|off)

What is measured is what nyala-bench measures: decode feeds the likeliest token of the whole
vocabulary back; the first token includes choosing it; one repetition before is not counted.
"""
import ctypes
import json
import sys
import time
from pathlib import Path

import llama_cpp
import numpy as np
from llama_cpp import llama_cpp as api

FLASH_ATTENTION = {"on": 1, "off": 0}
CACHE_F16 = 1  # llama.cpp's default; f32 was slower


class PoolOptions(ctypes.Structure):
    """ggml_threadpool_params"""
    _fields_ = [("cpumask", ctypes.c_bool * 512), ("n_threads", ctypes.c_int),
                ("prio", ctypes.c_int), ("poll", ctypes.c_uint32), ("strict_cpu", ctypes.c_bool),
                ("paused", ctypes.c_bool)]


def attach_pool(context, threads):
    """Gives the context threads that wait spinning and outlive a call, as llama.cpp's own tools do;
    without them each call starts its threads anew. llama-cpp-python has no binding for it."""
    folder = Path(llama_cpp.__file__).parent / "lib"
    ggml = ctypes.CDLL(str(folder / "libggml-cpu.so"))
    llama = ctypes.CDLL(str(folder / "libllama.so"))
    options = PoolOptions()
    ggml.ggml_threadpool_params_init(ctypes.byref(options), threads)
    assert options.n_threads == threads, "ggml_threadpool_params has another layout"
    options.poll = 100
    ggml.ggml_threadpool_new.restype = ctypes.c_void_p
    pool = ctypes.c_void_p(ggml.ggml_threadpool_new(ctypes.byref(options)))
    handle = ctypes.c_void_p(ctypes.cast(context, ctypes.c_void_p).value)
    llama.llama_attach_threadpool(handle, pool, pool)


class Engine:
    """A model and an empty context of llama.cpp."""

    def __init__(self, model_path, threads, positions, flash_attention):
        self.quiet = api.llama_log_callback(lambda *_: None)  # outlives the library's use of it
        api.llama_log_set(self.quiet, ctypes.c_void_p(0))
        api.llama_backend_init()
        self.model = api.llama_model_load_from_file(model_path.encode(),
                                                    api.llama_model_default_params())
        if not self.model:
            sys.exit(f"llama.cpp cannot load '{model_path}'")
        options = api.llama_context_default_params()
        options.n_ctx = options.n_batch = positions
        options.n_threads = options.n_threads_batch = threads
        options.flash_attn_type = FLASH_ATTENTION[flash_attention]
        options.type_k = options.type_v = CACHE_F16
        self.context = api.llama_init_from_model(self.model, options)
        if not self.context:
            sys.exit("llama.cpp cannot make a context")
        attach_pool(self.context, threads)
        self.memory = api.llama_get_memory(self.context)
        self.vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(self.model))

    def feed(self, tokens):
        """Appends tokens; the logits of the last one are computed."""
        array = (api.llama_token * len(tokens))(*tokens)
        if api.llama_decode(self.context, api.llama_batch_get_one(array, len(tokens))) != 0:
            sys.exit("llama_decode failed")

    def sample(self):
        """The likeliest token."""
        logits = np.ctypeslib.as_array(api.llama_get_logits_ith(self.context, -1),
                                       (self.vocabulary,))
        return int(logits.argmax())

    def rollback(self, position):
        """Forgets positions from this one on."""
        api.llama_memory_seq_rm(self.memory, 0, position, -1)


def time_prompt(engine, depth, prompt):
    """(seconds until the prompt is read, seconds until the first token is known)"""
    engine.rollback(depth)
    begin = time.perf_counter()
    engine.feed(prompt)
    read = time.perf_counter()
    engine.sample()
    return read - begin, time.perf_counter() - begin


def time_decode(engine, depth, token, count):
    """Seconds that `count` tokens take."""
    engine.rollback(depth)
    begin = time.perf_counter()
    for _ in range(count):
        engine.feed([token])
        token = engine.sample()
    return time.perf_counter() - begin


def main():
    model = sys.argv[1]
    threads, prompt_tokens, generated_tokens, depth = map(int, sys.argv[2:6])
    # Rounded up as llama.cpp does, so that the attention over an almost full cache fits.
    positions = -(-(depth + max(prompt_tokens, generated_tokens)) // 256) * 256
    engine = Engine(model, threads, positions, sys.argv[6])
    ids = np.random.default_rng(1).integers(0, engine.vocabulary, depth + max(prompt_tokens, 1))
    ids = [int(i) for i in ids]
    if depth:
        engine.feed(ids[:depth])

    def report(test, tokens, value, unit):
        print(json.dumps({"test": test, "threads": threads, "batch": 1, "depth": depth,
                          "tokens": tokens, "samples": [value], "median": value, "unit": unit}))

    if prompt_tokens:
        prompt = ids[depth:]
        time_prompt(engine, depth, prompt)
        read, first = time_prompt(engine, depth, prompt)
        report("prefill", prompt_tokens, prompt_tokens / read, "tok/s")
        report("first_token", prompt_tokens, 1000 * first, "ms")
    if generated_tokens:
        time_decode(engine, depth, ids[0], generated_tokens)
        seconds = time_decode(engine, depth, ids[0], generated_tokens)
        report("decode", generated_tokens, generated_tokens / seconds, "tok/s")


main()
