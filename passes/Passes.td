//===- Passes.td - Model passes ------------------------------*- tablegen -*-===//
//
// Options and documentation of the passes; one pass is one .cpp named like its
// def. docs/adding-a-pass.md says how to add one.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_PASSES_PASSES_TD
#define NYALA_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

def ShareRopeTables : Pass<"nyala-share-rope-tables", "::mlir::func::FuncOp"> {
  let summary = "compute the angles of rotary embeddings once for all layers";
  let description = [{
    Splits every `nyala.rope` into a `nyala.rope_table` of cosines and sines and a `nyala.rotate`.
    Ropes of the same positions and parameters (base, dims, scale, factors; not heads or pairing)
    share one table, which is computed as soon as its positions are known.

    ```mlir
    // before
    %0 = nyala.rope adjacent %q at %positions {heads = 9, dims = 64, base = 1.0e5} : tensor<?x576xf32>, tensor<?xi32>
    %1 = nyala.rope adjacent %k at %positions {heads = 3, dims = 64, base = 1.0e5} : tensor<?x192xf32>, tensor<?xi32>
    // after
    %t = nyala.rope_table %positions {base = 1.0e5 : f64, dims = 64} : tensor<?xi32> -> tensor<?x64xf32>
    %0 = nyala.rotate adjacent %q by %t {heads = 9} : tensor<?x576xf32>, tensor<?x64xf32>
    %1 = nyala.rotate adjacent %k by %t {heads = 3} : tensor<?x192xf32>, tensor<?x64xf32>
    ```
  }];
}

def InterleaveRope : Pass<"nyala-interleave-rope", "::mlir::ModuleOp"> {
  let summary = "let rotary embeddings pair adjacent channels";
  let description = [{
    Attention sums over the channels of a head, so that channels of queries and keys may be permuted alike.
    Where a rotation pairs channels half a head apart (as checkpoints of Hugging Face do), the rows of the
    projections, their biases and the weights of norms of each head are interleaved at compile time: the
    rotation then pairs neighbours, which lie in one tile of the product and are rotated there. Caches hold
    permuted keys.

    All that attends to a cache changes, or nothing: a cache that is read in another way, a value that has
    other uses and a projection whose weight is computed are left alone, with a remark. After
    `nyala-share-rope-tables`, before linears merge.

    ```mlir
    // before
    %w = nyala.load @k : tensor<192x576xf32>
    %0 = nyala.linear %x, %w : tensor<?x576xf32>, tensor<192x576xf32> -> tensor<?x192xf32>
    %1 = nyala.rotate half %0 by %t {heads = 3} : tensor<?x192xf32>, tensor<?x64xf32>
    // after
    %w = nyala.load @k.interleaved : tensor<192x576xf32>
    %0 = nyala.linear %x, %w : tensor<?x576xf32>, tensor<192x576xf32> -> tensor<?x192xf32>
    %1 = nyala.rotate adjacent %0 by %t {heads = 3} : tensor<?x192xf32>, tensor<?x64xf32>
    ```
  }];
}

def ShareKv : Pass<"nyala-share-kv", "::mlir::ModuleOp"> {
  let summary = "let layers attend to the keys and values of other layers";
  let description = [{
    Cross-layer attention (CLA; Brandon et al. 2024, arXiv:2405.12981; docs/kv-sharing.md): the
    attention of a consumer layer reads what a producer layer's reads, keys after norm and rotation.
    What has no reader then (projections, norms, caches) is dead: `nyala-remove-dead-state` removes it.
    A layer is the n-th attention of a function; all functions with attention are rewritten alike. Keys
    may be caches or tensors of a training step.

    Exactly one of `factor`, `map` and `search` says who shares. With `source=mean` a producer's
    projections of keys and values become the mean of its group's, dequantized and stored as q8_0.
    `search` picks the map whose loss on the calibration text is least; it needs a tool that can run
    models. Without `source`, a factor or a map keeps the producers' own projections, and a search
    tries both.

    Fails, changing nothing, if the layers of a group differ in heads or widths of keys or values, in
    the window of attention or in the rotation of keys. The function changes; facts of the model say so
    (`kv_sharing`, `kv_sharing_source`, `kv_sharing_lossy`).

    ```mlir
    // before
    %a0 = nyala.attention %q0, %k0, %v0 at %positions in %sequences {…} : …
    %a1 = nyala.attention %q1, %k1, %v1 at %positions in %sequences {…} : …
    // after, with factor=2
    %a0 = nyala.attention %q0, %k0, %v0 at %positions in %sequences {…} : …
    %a1 = nyala.attention %q1, %k0, %v0 at %positions in %sequences {…} : …
    ```
  }];
  let options = [
    Option<"factor", "factor", "int64_t", "-1", "Adjacent layers that share; -1: see map and search">,
    ListOption<"map", "map", "int64_t",
               "For each layer the layer whose keys and values it uses: 0,0,2,2">,
    Option<"search", "search", "int64_t", "-1", "Caches to keep, chosen by the loss; -1: see above">,
    Option<"source", "source", "std::string", "\"\"",
           "Whose projections a producer has: first (its own) or mean (of its group)">,
    Option<"calibration", "calibration", "std::string", "\"\"", "Text file that a search minimizes the loss of">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::nyala::NyalaDialect"];
}

def MergeLinears : Pass<"nyala-merge-linears", "::mlir::ModuleOp"> {
  let summary = "multiply an input by several weights at once";
  let description = [{
    Linear layers of one block with the same input become one, whose weight is the concatenation of
    theirs (in the block's order), and a `nyala.split` of its result: query, key and value; gate and
    up. One kernel then streams all weights while the input stays close.

    Linears merge if their weights are loads (or concatenations of loads) in one stored format, all
    or none have a bias, and every width is a multiple of `row-multiple`. Where those of one input
    differ in format or bias, the equal ones merge among themselves. A weight that is used in any
    other way (an embedding table, a linear that does not merge with the same partners) stays as it
    is: merging would store it twice. Remarks say what merged and why something did not.

    ```mlir
    // before
    %q = nyala.linear %x, %wq : tensor<?x576xf32>, tensor<576x576xf32> -> tensor<?x576xf32>
    %k = nyala.linear %x, %wk : tensor<?x576xf32>, tensor<192x576xf32> -> tensor<?x192xf32>
    // after
    %w = tensor.concat dim(0) %wq, %wk : (tensor<576x576xf32>, tensor<192x576xf32>) -> tensor<768x576xf32>
    %0 = nyala.linear %x, %w : tensor<?x576xf32>, tensor<768x576xf32> -> tensor<?x768xf32>
    %q, %k = nyala.split %0 : tensor<?x768xf32> -> tensor<?x576xf32>, tensor<?x192xf32>
    ```
  }];
  let options = [
    Option<"rowMultiple", "row-multiple", "int64_t", "16",
           "Width of which every merged width is a multiple: rows of a group of the packed layout">
  ];
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::nyala::NyalaDialect"];
}

def QuantizeLinears : Pass<"nyala-quantize-linears", "::mlir::ModuleOp"> {
  let summary = "Multiply quantized weights by quantized activations";
  let description = [{
    Native arithmetic: a product whose weight is stored in blocks of 32 values becomes an integer one of
    activations quantized to 8 bits. Linears with one input share its quantization. Changes the
    function within the error of that rounding.

    ```mlir
    %w = nyala.load @w : tensor<64x32xf32>    // stored as q4_1
    %y = nyala.linear %x, %w : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
    ```
    becomes
    ```mlir
    %q, %s, %t = nyala.quantize %x
       : tensor<?x32xf32> -> tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x1xi32>
    %y = nyala.quantized_linear %q, %s, %t, %w
       : tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x1xi32>, tensor<64x32xf32> -> tensor<?x64xf32>
    ```
  }];
}

def ConvertCaches : Pass<"nyala-convert-caches", "::mlir::ModuleOp"> {
  let summary = "choose the numbers that caches of keys and values hold";
  let description = [{
    Gives the states that `nyala.cache_append` updates another type: floats, or blocks of 32 channels with
    a scale of 16 bits (`q8`: 8-bit integers, `q4`: 4-bit ones). Appending rounds to it and attention widens
    what it reads (docs/numerics.md). A slot of C channels takes 4 C bytes as f32, 2 C as f16, C * 34/32 as
    q8 and C * 18/32 as q4. Changes the function within that rounding.

    Blocks need channels that are a multiple of 32, and heads that are a multiple of 16: a state without
    is an error, since what would be left is not what was asked for.

    A state that anything but appends and attention uses is left alone, in all functions, with a missed
    remark.

    ```mlir
    // before
    %k1 = nyala.cache_append %k0, %k at %slots in %sequences
       : tensor<?x?x192xf32>, tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>
    // after, with type=f16
    %k1 = nyala.cache_append %k0, %k at %slots in %sequences
       : tensor<?x?x192xf16>, tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>
    // after, with type=q8
    %k1 = nyala.cache_append %k0, %k at %slots in %sequences
       : tensor<?x?x192xf32, #nyala.blocks<q8_0>>, tensor<?x192xf32>, tensor<?xi32>, tensor<?xi32>
    ```
  }];
  let options = [
    Option<"type", "type", "std::string", "\"f16\"", "What caches hold: f32, f16, q8 or q4">
  ];
}

def RemoveDeadState : Pass<"nyala-remove-dead-state", "::mlir::ModuleOp"> {
  let summary = "remove states that are written but never read, and weights nobody loads";
  let description = [{
    A state (a cache) is dead if no function of the module needs its value to compute anything but
    the next value of a dead state: what one entry writes another may read. The argument and the
    result of a dead state are removed from all functions with what computed it, and so are weights
    that no op refers to any more. Sharing caches between layers leaves such states behind.

    ```mlir
    // before: %v1 of layer 1 is appended to and returned, but attention reads layer 0's
    func.func @decode(%x: tensor<?x64xf32>, …, %k0: … {nyala.state = "k.0"}, %k1: … {nyala.state = "k.1"})
        -> (…, … {nyala.state = "k.0"}, … {nyala.state = "k.1"})
    // after
    func.func @decode(%x: tensor<?x64xf32>, …, %k0: … {nyala.state = "k.0"}) -> (…, … {nyala.state = "k.0"})
    ```
  }];
}

def SpecializeEntries : Pass<"nyala-specialize-entries", "::mlir::ModuleOp"> {
  let summary = "clone @forward into the entry points of the artifact";
  let description = [{
    `@forward` becomes `@decode` and `@prefill`, with `batch-rows` also `@batch`, marked `nyala.entry`. Arguments with a `nyala.role`
    get `nyala.max_rows`, the bound of the entry's rows; states get the static type
    `tensor<sequences x context x channels>`, here and wherever their updates flow. The chosen
    context replaces that of the module's `nyala.model`, which bounds it and is its default. Weights
    are symbols and stay shared.

    ```mlir
    // before
    func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"},
                       %k: tensor<?x?x192xf32> {nyala.state = "k.0"}) -> …
    // after, with context=4096
    func.func @decode(%tokens: tensor<?xi32> {nyala.max_rows = 1 : i64, nyala.role = "tokens"},
                      %k: tensor<1x4096x192xf32> {nyala.state = "k.0"}) -> … attributes {nyala.entry}
    func.func @prefill(%tokens: tensor<?xi32> {nyala.max_rows = 128 : i64, nyala.role = "tokens"},
                       %k: tensor<1x4096x192xf32> {nyala.state = "k.0"}) -> … attributes {nyala.entry}
    ```
  }];
  let options = [
    Option<"context", "context", "int64_t", "0",
           "Slots of a sequence's cache; 0: as many as the model was trained for">,
    Option<"decodeRows", "decode-rows", "int64_t", "1", "Largest number of rows of @decode">,
    Option<"batchRows", "batch-rows", "int64_t", "0", "Largest number of rows of @batch; 0: no such entry">,
    Option<"prefillRows", "prefill-rows", "int64_t", "128", "Largest number of rows of @prefill">,
    Option<"sequences", "sequences", "int64_t", "1", "Sequences that the caches hold">
  ];
  let dependentDialects = ["::nyala::NyalaDialect"];
}

def AssignDevices : Pass<"nyala-assign-devices", "::mlir::ModuleOp"> {
  let summary = "give each device entry points of its own";
  let description = [{
    All variants of a device share its programs; devices have programs of their own, because other fusions
    pay. Where `nyala.targets` names a GPU, each entry without `nyala.device` is cloned for it: `@decode` is
    the CPU's, `@cuda_decode` the GPU's. Where it names no CPU, the CPU's go; `@batch` is a GPU's alone. `@cuda_prefill` may
    have rows of its own. Does nothing without a GPU.

    ```mlir
    // before: nyala.targets = [#nyala.cpu_target<"x86-64-v3", …>, #nyala.cuda_target<"sm_90a">]
    func.func @decode(…) attributes {nyala.entry}
    // after
    func.func @decode(…) attributes {nyala.entry}
    func.func @cuda_decode(…) attributes {nyala.device = "cuda", nyala.entry}
    ```
  }];
  let options = [
    Option<"cudaPrefillRows", "cuda-prefill-rows", "int64_t", "0",
           "Largest number of rows of @cuda_prefill; 0: those of @prefill">
  ];
  let dependentDialects = ["::nyala::NyalaDialect"];
}

def PackWeights : Pass<"nyala-pack-weights", "::mlir::ModuleOp"> {
  let summary = "lay matrices out as kernels stream them";
  let description = [{
    The weights of `nyala.linear` and the tables of `nyala.embedding` pass through `nyala.pack`, in
    the format they are stored in (those without a source, in that of their element type). One value
    is packed once, whoever uses it, so that a table tied to the output layer has one stored layout.
    Vectors (norms, biases) stay plain. A weight that is not loaded, or not as a matrix of stored
    numbers, stays plain with a missed remark; a concatenation of several formats is an error. In
    entries of a GPU a weight that is rounded for a product is stored as it was, packed, and unpacked to be
    rounded: an artifact has one stored layout of each weight.

    ```mlir
    // before
    %w = nyala.load @output : tensor<49152x576xf32>
    %y = nyala.linear %x, %w : tensor<?x576xf32>, tensor<49152x576xf32> -> tensor<?x49152xf32>
    // after
    %w = nyala.load @output : tensor<49152x576xf32>
    %p = nyala.pack %w : tensor<49152x576xf32> -> tensor<49152x576xf32, #nyala.packed<q4_1>>
    %y = nyala.linear %x, %p : tensor<?x576xf32>, tensor<49152x576xf32, #nyala.packed<q4_1>> -> tensor<?x49152xf32>
    ```
  }];
  let dependentDialects = ["::nyala::NyalaDialect"];
}

def HoistWeights : Pass<"nyala-hoist-weights", "::mlir::ModuleOp"> {
  let summary = "move computations on weights alone to compile time";
  let description = [{
    Every maximal expression of pure ops on loads (and constants) in a function becomes the
    initializer of a new `nyala.weight`, named after the weights it reads; the function loads that.
    Equal expressions, in whichever function, share one weight. Weights that nothing refers to any
    more are erased.

    ```mlir
    // before
    %a = nyala.load @blk.0.q : tensor<32x64xf32>
    %b = nyala.load @blk.0.k : tensor<16x64xf32>
    %c = tensor.concat dim(0) %a, %b : (tensor<32x64xf32>, tensor<16x64xf32>) -> tensor<48x64xf32>
    %y = nyala.linear %x, %c : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>
    // after
    nyala.weight @"blk.0.q+k" : tensor<48x64xf32> initializer { … nyala.yield %c : tensor<48x64xf32> }
    %c = nyala.load @"blk.0.q+k" : tensor<48x64xf32>
    %y = nyala.linear %x, %c : tensor<?x64xf32>, tensor<48x64xf32> -> tensor<?x48xf32>
    ```
  }];
  let dependentDialects = ["::nyala::NyalaDialect"];
}

def StageWeights : Pass<"nyala-stage-weights", "::mlir::ModuleOp"> {
  let summary = "compute weights as a GPU reads them when a model is loaded";
  let description = [{
    In entries of a GPU, what ops that a GPU runs (`nyala.unpack`, `arith.truncf`) compute from weights alone
    becomes a resident state, an argument that is named after the weights. `@cuda_init` computes all of them, each distinct
    expression once, whichever entries read it. What only moves stored bits stays, for `nyala-hoist-weights`.

    With `weights = "none"` in `nyala.model`, all weights that those entries read become resident states, and
    `@cuda_randomize` stands in for `@cuda_init`: `nyala.random` in place of each expression.

    ```mlir
    // before
    func.func @cuda_decode(%x: tensor<?x32xbf16>, …) attributes {nyala.device = "cuda", nyala.entry} {
      %p = nyala.load @w : tensor<64x32xf32, #nyala.packed<q4_0>>
      %u = nyala.unpack %p : tensor<64x32xf32, #nyala.packed<q4_0>> -> tensor<64x32xf32>
      %b = arith.truncf %u : tensor<64x32xf32> to tensor<64x32xbf16>
      %y = nyala.linear %x, %b : …
    // after
    func.func @cuda_decode(%x: tensor<?x32xbf16>, …, %b: tensor<64x32xbf16> {nyala.resident, nyala.state = "w"}) … {
      %y = nyala.linear %x, %b : …
    func.func @cuda_init(%0: tensor<64x32xbf16> {nyala.resident, nyala.state = "w"})
        -> (tensor<64x32xbf16> {nyala.state = "w"}) attributes {nyala.device = "cuda", nyala.entry} {
      %p = nyala.load @w : tensor<64x32xf32, #nyala.packed<q4_0>>
      %u = nyala.unpack %p : tensor<64x32xf32, #nyala.packed<q4_0>> -> tensor<64x32xf32>
      %b = arith.truncf %u : tensor<64x32xf32> to tensor<64x32xbf16>
      return %b : tensor<64x32xbf16>
    ```
  }];
  let dependentDialects = ["::nyala::NyalaDialect", "::mlir::func::FuncDialect"];
}

def RoundPrompts : Pass<"nyala-round-prompts", "::mlir::func::FuncOp"> {
  let summary = "multiply prompts in bf16 on a GPU";
  let description = [{
    In entries of a GPU, products of quantized activations with more than 64 rows, which the contract of decoding
    does not bind, become products of bf16, for tensor cores. The stored weight is widened at each call,
    into the arena: this costs less than the products do, and no memory of its own. Last of the passes that look
    at weights, so that nothing moves it out of the entry. Products of wanted rows, of which there are few, stay
    as decoding computes them.

    ```mlir
    // before
    %q, %s, %t = nyala.quantize %x : tensor<?x32xf32> -> …
    %y = nyala.quantized_linear %q, %s, %t, %w : …, tensor<64x32xf32, #nyala.packed<q4_0>> -> tensor<?x64xf32>
    // after
    %x1 = arith.truncf %x : tensor<?x32xf32> to tensor<?x32xbf16>
    %u = nyala.unpack %w : tensor<64x32xf32, #nyala.packed<q4_0>> -> tensor<64x32xf32>
    %w1 = arith.truncf %u : tensor<64x32xf32> to tensor<64x32xbf16>
    %y = nyala.linear %x1, %w1 : tensor<?x32xbf16>, tensor<64x32xbf16> -> tensor<?x64xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::nyala::NyalaDialect"];
}

def SkipPrefillTail : Pass<"nyala-skip-prefill-tail", "::mlir::ModuleOp"> {
  let summary = "compute only the wanted row behind the last update of a state";
  let description = [{
    Of a prompt, states need every row, but its logits are wanted of one alone. The tail of an entry is
    what results need and states do not: the last layer's query, attention and feed-forward, and the
    layers behind the last one that has keys and values of its own. The gather of wanted rows moves
    from the tail's end to its border: rows that cross are gathered, positions and sequences among
    them, and the tail works on those. What crosses but cannot be gathered (quantized activations) is
    computed again from gathered rows.

    The entry's `wanted` is then bounded to one row, so that the tail's kernels are those of decode
    and memory is that of one row; the module's `nyala.model` says `prefill_tail = "skipped"`. The
    function stays the same for one wanted row. Logits of all rows can no longer be had from it.

    The entry is left alone, with a missed remark, if it takes one row at most, if an op of the tail
    does not compute row by row (it reads rows by index, or reduces over them), or if a result has a
    row for each token.

    ```mlir
    // before: states need %x, %q0 and %t
    %q = nyala.rotate adjacent %q0 by %t {heads = 9} : tensor<?x576xf32>, tensor<?x64xf32>
    %a = nyala.attention %q, %k1, %v1 at %positions in %sequences {…} : …
    %y = arith.addf %x, %a : tensor<?x576xf32>
    %z = nyala.gather %y, %wanted : tensor<?x576xf32>, tensor<?xi32> -> tensor<?x576xf32>
    // after
    %q1 = nyala.gather %q0, %wanted : tensor<?x576xf32>, tensor<?xi32> -> tensor<?x576xf32>
    %t1 = nyala.gather %t, %wanted : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
    %x1 = nyala.gather %x, %wanted : tensor<?x576xf32>, tensor<?xi32> -> tensor<?x576xf32>
    %p1 = nyala.gather %positions, %wanted : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %s1 = nyala.gather %sequences, %wanted : tensor<?xi32>, tensor<?xi32> -> tensor<?xi32>
    %q = nyala.rotate adjacent %q1 by %t1 {heads = 9} : tensor<?x576xf32>, tensor<?x64xf32>
    %a = nyala.attention %q, %k1, %v1 at %p1 in %s1 {…} : …
    %z = arith.addf %x1, %a : tensor<?x576xf32>
    ```
  }];
  let options = [
    Option<"entry", "entry", "std::string", "\"prefill\"",
           "Entry point of whose rows at most one is wanted">
  ];
  let dependentDialects = ["::nyala::NyalaDialect"];
}

def SelectCandidates : Pass<"nyala-select-candidates", "::mlir::func::FuncOp"> {
  let summary = "let a GPU find the largest logits";
  let description = [{
    A sampler mostly looks at a row's largest logits alone, but a GPU would copy all of them to the host. Entries
    of a GPU that return logits return the `count` largest of each row as well, `top_logits` and their
    `top_ids`, in a sampler's order. Of a CPU the sampler reads logits where they lie: its entries are left alone.

    ```mlir
    // before
    func.func @cuda_decode(…) -> (tensor<?x49152xf32> {nyala.result = "logits"}, …) {
      return %z, …
    // after
    func.func @cuda_decode(…) -> (tensor<?x49152xf32> {nyala.result = "logits"}, …,
                                  tensor<?x64xf32> {nyala.result = "top_logits"},
                                  tensor<?x64xi32> {nyala.result = "top_ids"}) {
      %values, %ids = nyala.top_k %z : tensor<?x49152xf32> -> tensor<?x64xf32>, tensor<?x64xi32>
      return %z, …, %values, %ids
    ```
  }];
  let options = [
    Option<"count", "count", "int64_t", "64", "Logits of a row; all, where there are fewer">
  ];
  let dependentDialects = ["::nyala::NyalaDialect"];
}

//===----------------------------------------------------------------------===//
// Training steps (docs/training.md)
//===----------------------------------------------------------------------===//

def BuildLoss : Pass<"nyala-build-loss", "::mlir::ModuleOp"> {
  let summary = "turn @forward into the loss of a training step";
  let description = [{
    Makes of `@forward` two equal entry points, `@train_step`, to be differentiated, and `@evaluate`: the
    loss of a batch of `batch` sequences of `length` tokens, whose rows follow each other. Attention to
    a cache becomes attention among the rows, every row is wanted, the head becomes part of a cross
    entropy, and the weights become states, a matrix each. The loss is the sum of the rows' negative
    log-likelihoods times `loss_weights`.

    ```mlir
    // before
    func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"}, …) -> (tensor<?x512xf32> {nyala.result = "logits"}, …) {
      %w = nyala.load @head : tensor<512x64xf32>
      …
      %k1 = nyala.cache_append %k0, %k at %slots in %sequences : …
      %v1 = nyala.cache_append %v0, %v at %slots in %sequences : …
      %a = nyala.attention %q, %k1, %v1 at %positions in %sequences {…} : …
      …
      %z = nyala.linear %y, %w : tensor<?x64xf32>, tensor<512x64xf32> -> tensor<?x512xf32>
      return %z, %k1, %v1 : …
    // after
    func.func @train_step(%tokens: tensor<512xi32> {nyala.role = "tokens", …}, …,
                          %targets: tensor<512xi32> {nyala.role = "targets", …},
                          %loss_weights: tensor<512x1xf32> {nyala.role = "loss_weights", …},
                          %w: tensor<512x64xf32> {nyala.state = "head"}) -> (tensor<1x1xf32> {nyala.result = "loss"}) {
      …
      %a, %s = nyala.self_attention %q, %k, %v {length = 256, …} : …
      …
      %l, %t = nyala.cross_entropy %y, %w at %targets : …
      %m = arith.mulf %l, %loss_weights : tensor<512x1xf32>
      %loss = nyala.sum_rows %m : tensor<512x1xf32> -> tensor<1x1xf32>
      return %loss : tensor<1x1xf32>
    ```

    A graph without tokens (from ONNX) has its batch already, and the options are of no effect. Its loss is the cross
    entropy of the scores that a final softmax, or its logarithm, has for its input, which joins the loss; without one, of
    its result named `logits`, or the only one: `[batch, classes]`, `[batch, places, classes]` or, of images,
    `[batch, classes, rows, columns]`. Every row of scores has a target. A linear layer without bias that computes them becomes part
    of a cross entropy, as in decoders. Batch normalization in `@train_step` is that by the
    batch's statistics; states that held the known ones are returned as moving averages with the norm's momentum.

    ```mlir
    // before
    func.func @forward(%x: tensor<8x3x32x32xf32> {nyala.role = "image"}) -> (tensor<8x10xf32> {nyala.result = "logits"}) {
      …
      %n = nyala.batch_norm %c scale %s bias %b mean %m variance %v {epsilon = 1.0e-5 : f32} : …
      …
      %p = nyala.softmax %z : tensor<8x10xf32>
      return %p : tensor<8x10xf32>
    // after
    func.func @train_step(%x: …, %targets: tensor<8xi32> {nyala.role = "targets", …},
                          %loss_weights: tensor<8x1xf32> {nyala.role = "loss_weights", …}, …,
                          %m: tensor<1x16xf32> {nyala.state = "bn.mean"}, …)
        -> (tensor<1x1xf32> {nyala.result = "loss"}, tensor<1x16xf32> {nyala.state = "bn.mean"}, …) {
      …
      %n, %bm, %bv = nyala.batch_norm_training %c scale %s bias %b {epsilon = 1.0e-5 : f32} : …
      …
      %sum, %logit = nyala.log_sum_exp %z at %targets : …
      %l = arith.subf %sum, %logit : tensor<8x1xf32>
      %w = arith.mulf %l, %loss_weights : tensor<8x1xf32>
      %loss = nyala.sum_rows %w : tensor<8x1xf32> -> tensor<1x1xf32>
      %row = tensor.expand_shape %bm … : tensor<16xf32> into tensor<1x16xf32>
      %m1 = nyala.moving_average %m, %row {momentum = 9.0e-1 : f32} : tensor<1x16xf32>
      return %loss, %m1, … : …
    ```
  }];
  let options = [
    Option<"batch", "batch", "int64_t", "2", "Sequences of a batch (of tokens)">,
    Option<"length", "length", "int64_t", "256", "Tokens of a sequence">
  ];
  let dependentDialects = ["::nyala::NyalaDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def Differentiate : Pass<"nyala-differentiate", "::mlir::ModuleOp"> {
  let summary = "add the gradients of a loss to a function's results";
  let description = [{
    Reverse-mode differentiation (docs/training.md) of a function of one block whose result marked
    `nyala.result = "loss"` (else the first) is one float. The function then returns, after what it returned
    before, a gradient for each chosen argument. `wrt=weights` chooses the arguments with `nyala.state` whose
    name `train` finds a match in; their gradients are marked `nyala.gradient`. `wrt=0,2` chooses arguments
    by number, whose gradients are unmarked.

    The pass knows no op: `GradientOpInterface` builds each op's gradient. Values that depend on no chosen
    argument, or on which the loss does not depend, have none, so that frozen weights cost nothing. An op
    between a chosen argument and the loss without the interface is an error. A weight that the loss does not
    depend on gets a warning and no gradient; an argument chosen by number gets zeros.

    ```mlir
    // before
    func.func @train_step(%x: tensor<8x4xf32>, %w: tensor<1x4xf32> {nyala.state = "w"}) -> tensor<1x1xf32> {
      %y = nyala.linear %x, %w : tensor<8x4xf32>, tensor<1x4xf32> -> tensor<8x1xf32>
      %loss = nyala.sum_rows %y : tensor<8x1xf32> -> tensor<1x1xf32>
      return %loss : tensor<1x1xf32>
    }
    // after
    func.func @train_step(%x: …, %w: …) -> (tensor<1x1xf32>, tensor<1x4xf32> {nyala.gradient = "w"}) {
      %y = nyala.linear %x, %w : tensor<8x4xf32>, tensor<1x4xf32> -> tensor<8x1xf32>
      %loss = nyala.sum_rows %y : tensor<8x1xf32> -> tensor<1x1xf32>
      %dy = arith.constant dense<1.0> : tensor<8x1xf32>
      %dw = nyala.matmul %dy, %x {transpose_a} : tensor<8x1xf32>, tensor<8x4xf32> -> tensor<1x4xf32>
      return %loss, %dw : tensor<1x1xf32>, tensor<1x4xf32>
    }
    ```
  }];
  let options = [
    Option<"functionName", "function", "std::string", "\"train_step\"", "Function that computes a loss">,
    Option<"wrt", "wrt", "std::string", "\"weights\"",
           "What to differentiate with respect to: weights, or numbers of arguments (0,2)">,
    Option<"train", "train", "std::string", "\"\"",
           "Regular expression of weights that are trained; others are frozen">
  ];
  let dependentDialects = ["::nyala::NyalaDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AddOptimizer : Pass<"nyala-add-optimizer", "::mlir::ModuleOp"> {
  let summary = "turn gradients into updates of the weights";
  let description = [{
    Results marked `nyala.gradient` become updates of the weights of those names, by AdamW (Loshchilov and
    Hutter 2019) or by stochastic gradient descent with momentum, whose states are arguments and results
    beside the weights: `mean:NAME`, `variance:NAME`, `velocity:NAME`, `correction1`, `correction2`. The
    learning rate is an argument, the norm of all gradients a result. Gradients are scaled so that their
    norm is `clip` at most; a norm that is not finite leaves weights and moments as they are. Matrices
    decay, vectors do not.

    With `accumulate` = n > 1 the function becomes `@accumulate`, which adds to states `gradient:NAME`, and
    `@update` applies and clears them; how often one comes before the other is the caller's.

    ```mlir
    // before
    return %loss, %dw : tensor<1x1xf32>, tensor<64x64xf32>       // %dw: {nyala.gradient = "w"}
    // after
    %norm = … : tensor<1x1xf32>
    %w1, %m1, %v1 = nyala.adamw %w, %m, %v, %dw rate %rate scale %scale corrections %c1, %c2 {…} : tensor<64x64xf32>
    return %loss, %norm, %c1, %c2, %w1, %m1, %v1 : …
    ```
  }];
  let options = [
    Option<"functionName", "function", "std::string", "\"train_step\"",
           "Function with gradients among its results">,
    Option<"kind", "kind", "std::string", "\"adamw\"", "adamw or sgd">,
    Option<"beta1", "beta1", "double", "0.9", "Decay of the mean of gradients">,
    Option<"beta2", "beta2", "double", "0.95", "Decay of the mean of squared gradients">,
    Option<"epsilon", "epsilon", "double", "1.0e-8", "Added to the root of that">,
    Option<"momentum", "momentum", "double", "0.9", "Decay of the velocity">,
    Option<"weightDecay", "weight-decay", "double", "0.1", "Decay of matrices, a rate">,
    Option<"noDecay", "no-decay", "std::string", "\"\"",
           "Regular expression of matrices that do not decay">,
    Option<"clip", "clip", "double", "1.0", "Largest norm of all gradients; 0: any">,
    Option<"accumulate", "accumulate", "int64_t", "1", "Batches whose gradients are added up">
  ];
  let dependentDialects = ["::nyala::NyalaDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def ExpandCrossEntropy : Pass<"nyala-expand-cross-entropy", "::mlir::func::FuncOp"> {
  let summary = "compute cross entropy by ranges of the vocabulary";
  let description = [{
    `nyala.cross_entropy` and its gradient become products with ranges of rows of the head's weight, so
    that the logits of all rows never exist at once. Backward, logits are computed again; with one range
    they are those of the forward pass.

    ```mlir
    // before
    %l, %s = nyala.cross_entropy %x, %w at %t : tensor<512x576xf32>, tensor<8192x576xf32>, tensor<512xi32> -> …
    // after, with range=4096
    %w0 = tensor.extract_slice %w[0, 0] [4096, 576] [1, 1] : tensor<8192x576xf32> to tensor<4096x576xf32>
    %z0 = nyala.linear %x, %w0 : tensor<512x576xf32>, tensor<4096x576xf32> -> tensor<512x4096xf32>
    %s0, %p0 = nyala.log_sum_exp %z0 at %t : tensor<512x4096xf32>, tensor<512xi32> -> …
    %w1 = tensor.extract_slice %w[4096, 0] [4096, 576] [1, 1] : tensor<8192x576xf32> to tensor<4096x576xf32>
    %z1 = nyala.linear %x, %w1 : tensor<512x576xf32>, tensor<4096x576xf32> -> tensor<512x4096xf32>
    %t1 = arith.subi %t, %c4096 : tensor<512xi32>
    %s, %p = nyala.log_sum_exp %z1 at %t1 after %s0, %p0 : …
    %l = arith.subf %s, %p : tensor<512x1xf32>
    ```
  }];
  let options = [
    // Rows of 4112 floats do not begin at multiples of 4 KiB, which caches would map to few sets.
    Option<"range", "range", "int64_t", "4112", "Tokens of a range">
  ];
  let dependentDialects = ["::nyala::NyalaDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def RoundProducts : Pass<"nyala-round-products", "::mlir::func::FuncOp"> {
  let summary = "multiply in bf16";
  let description = [{
    Operands of products are rounded to bf16, of which a CPU multiplies twice as many at once, and of which
    weights take half the memory; sums, results, biases and all that is not a product stay f32, the weights' states
    too. With `tables`, tables of embeddings are rounded as well, so that one that is the last product's weight,
    too, is stored once. Products whose operands are not f32 are left alone.

    ```mlir
    // before
    %y = nyala.linear %x, %w : tensor<512x576xf32>, tensor<1536x576xf32> -> tensor<512x1536xf32>
    // after
    %x1 = arith.truncf %x : tensor<512x576xf32> to tensor<512x576xbf16>
    %w1 = arith.truncf %w : tensor<1536x576xf32> to tensor<1536x576xbf16>
    %y = nyala.linear %x1, %w1 : tensor<512x576xbf16>, tensor<1536x576xbf16> -> tensor<512x1536xf32>
    ```
  }];
  let options = [
    Option<"tables", "tables", "bool", "false", "Round the tables of embeddings as well">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def Rematerialize : Pass<"nyala-rematerialize", "::mlir::ModuleOp"> {
  let summary = "compute activations again so that a training step fits a budget of memory";
  let description = [{
    Reschedules the module's training step (the function with a result `nyala.result = "loss"` that goes on after it) so
    that it fits a budget of bytes, at the least cost that an integer program finds, with a bound on how much less any
    schedule could cost (docs/rematerialization.md). Nodes of the forward part that are pure are executed again; clones of
    dispatches call the same kernels. Each clone has an attribute `nyala.recomputation` of its own, so that equal ops do not
    merge.

    Works on dispatches, before `nyala-build-programs`: of kernels that have been generated the scratch counts, too. Where no
    dispatches have been formed, a node is an op, and what forms dispatches of it afterwards may merge clones.

    The budget counts everything: arguments, states, results and scratch, which are there throughout, and the arena as
    it will be planned. A fraction is of what recomputation can change: the peak of the step as it is, less what is fixed and
    gradients of what is trained. Where nothing fits, the error names the op that needs most and the nearest budget that
    works. The module's attribute `nyala.rematerialization` holds the numbers of the report.

    ```mlir
    // before
    %a = nyala.dispatch @f rows(%n) (%x) tied [-1] : …
    %b = nyala.dispatch @g rows(%n) (%a) tied [-1] : …
    %loss = nyala.dispatch @loss rows(%n) (%b) tied [-1] : …
    %db = nyala.dispatch @loss_gradient rows(%n) (%b) tied [-1] : …
    %da = nyala.dispatch @g_gradient rows(%n) (%a, %db) tied [-1] : …
    // after
    %a = nyala.dispatch @f rows(%n) (%x) tied [-1] : …
    %b = nyala.dispatch @g rows(%n) (%a) tied [-1] : …
    %loss = nyala.dispatch @loss rows(%n) (%b) tied [-1] : …
    %db = nyala.dispatch @loss_gradient rows(%n) (%b) tied [-1] : …
    %a1 = nyala.dispatch @f rows(%n) (%x) tied [-1] {nyala.recomputation = 1 : i64} : …
    %da = nyala.dispatch @g_gradient rows(%n) (%a1, %db) tied [-1] : …
    ```
  }];
  let options = [
    Option<"budget", "budget", "int64_t", "-1", "Bytes of everything; -1: see fraction">,
    Option<"fraction", "fraction", "double", "-1.0",
           "Of the bytes that recomputation can change, beside what is fixed; -1: see budget">,
    Option<"method", "method", "std::string", "\"optimal\"",
           "optimal, sqrt (keeps the ends of about sqrt(n) segments), greedy or none">,
    Option<"timeLimit", "time-limit", "double", "60.0", "Seconds for solving and bounding">,
    Option<"costs", "costs", "std::string", "\"analytic\"",
           "What ops cost: analytic, or the file that `nyala-bench --profile-ops` wrote">,
    Option<"workers", "workers", "int64_t", "1", "Threads of the runtime, each with scratch of its own">,
    Option<"report", "report", "std::string", "\"\"",
           "File for graph, schedule and certificate as JSON">
  ];
  let dependentDialects = ["::nyala::NyalaDialect", "::mlir::tensor::TensorDialect"];
}

#endif // NYALA_PASSES_PASSES_TD
