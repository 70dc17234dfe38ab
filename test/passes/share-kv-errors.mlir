// RUN: split-file %s %t
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv="factor=2 map=0,0,2" 2>&1 | FileCheck %s --check-prefix=TWO
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv=factor=0 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv=factor=4 2>&1 | FileCheck %s --check-prefix=FOUR
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv=map=0,0 2>&1 | FileCheck %s --check-prefix=SHORT
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv=map=0,3,2 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv=map=0,-1,2 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv=map=0,2,2 2>&1 | FileCheck %s --check-prefix=FORWARD
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv=map=0,0,1 2>&1 | FileCheck %s --check-prefix=CHAIN
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv="factor=2 source=last" 2>&1 | FileCheck %s --check-prefix=SOURCE
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv=search=2 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv="search=4 calibration=a" 2>&1 | FileCheck %s --check-prefix=CACHES
// RUN: not nyala-opt %t/three.mlir --nyala-share-kv="factor=3 source=mean" 2>&1 | FileCheck %s --check-prefix=MEAN
// RUN: not nyala-opt %t/none.mlir --nyala-share-kv=factor=1 2>&1 | FileCheck %s --check-prefix=ATTENTION
// RUN: not nyala-opt %t/unequal.mlir --nyala-share-kv=factor=1 2>&1 | FileCheck %s --check-prefix=UNEQUAL
// RUN: sed -e "s/#nyala.mask<causal> { window }/#nyala.mask<causal, window = 4>/" %t/pair.mlir > %t/window.mlir
// RUN: not nyala-opt %t/window.mlir --nyala-share-kv=factor=2 2>&1 | FileCheck %s --check-prefix=WINDOW
// RUN: not nyala-opt %t/heads.mlir --nyala-share-kv=factor=2 2>&1 | FileCheck %s --check-prefix=HEADS
// RUN: not nyala-opt %t/width.mlir --nyala-share-kv=factor=2 2>&1 | FileCheck %s --check-prefix=WIDTH
// RUN: not nyala-opt %t/rope.mlir --nyala-share-kv=map=0,0,2,3,4,5 2>&1 | FileCheck %s --check-prefix=BASE
// RUN: not nyala-opt %t/rope.mlir --nyala-share-kv=map=0,1,0,3,4,5 2>&1 | FileCheck %s --check-prefix=PAIRING
// RUN: not nyala-opt %t/rope.mlir --nyala-share-kv=map=0,1,2,0,4,5 2>&1 | FileCheck %s --check-prefix=SCALE
// RUN: not nyala-opt %t/rope.mlir --nyala-share-kv=map=0,1,2,3,0,5 2>&1 | FileCheck %s --check-prefix=UNROTATED
// RUN: not nyala-opt %t/rope.mlir --nyala-share-kv=map=0,1,2,3,4,0 2>&1 | FileCheck %s --check-prefix=POSITIONS
// Also when angles were made tables.
// RUN: nyala-opt %t/rope.mlir --nyala-share-rope-tables -o %t/tables.mlir
// RUN: not nyala-opt %t/tables.mlir --nyala-share-kv=map=0,0,2,3,4,5 2>&1 | FileCheck %s --check-prefix=BASE
// RUN: not nyala-opt %t/tables.mlir --nyala-share-kv=map=0,1,2,3,4,0 2>&1 | FileCheck %s --check-prefix=POSITIONS

// NONE: error: nyala-share-kv: expected exactly one of the options factor, map and search, got 0
// TWO: error: nyala-share-kv: expected exactly one of the options factor, map and search, got 2
// ZERO: error: nyala-share-kv: a factor of 0 was given for 3 layers; expected 1 to 3
// FOUR: error: nyala-share-kv: a factor of 4 was given for 3 layers; expected 1 to 3
// SHORT: error: nyala-share-kv: the map of shared keys and values has 2 entries; expected one for each of the 3 layers
// RANGE: error: nyala-share-kv: layer 1 is to use the keys and values of layer 3, which is out of range; expected 0 to 1
// NEGATIVE: error: nyala-share-kv: layer 1 is to use the keys and values of layer -1, which is out of range; expected 0 to 1
// FORWARD: error: nyala-share-kv: layer 1 is to use the keys and values of layer 2, which comes later; expected itself or a layer before it
// CHAIN: error: nyala-share-kv: layer 2 is to use the keys and values of layer 1, which has none of its own: it uses those of layer 0; expected a layer that uses its own
// SOURCE: error: nyala-share-kv: option 'source' is 'last', expected first or mean
// TEXT: error: nyala-share-kv: a search needs a calibration text; give one by option 'calibration'
// CACHES: error: nyala-share-kv: 4 caches were asked for of 3 layers; expected 1 to 3
// MEAN: error: the keys of layer 0 are not projected by a linear layer of a loaded weight, so that they have no mean with those of other layers; expected nyala.linear of nyala.load, or use source=first
// ATTENTION: error: has no attention whose keys and values could be shared
// UNEQUAL: error: {{.*}}has 1 layers of attention, @a has 2; expected the same number in all functions, which share caches
// WINDOW: error: layer 1 cannot use the keys and values of layer 0: its window (0: none) is 4, that of layer 0 is 0; choose groups of layers that agree
// HEADS: error: layer 1 cannot use the keys and values of layer 0: its kv_heads is 1, that of layer 0 is 2; choose groups
// WIDTH: error: layer 1 cannot use the keys and values of layer 0: its channels of a value's head is 4, that of layer 0 is 8; choose groups
// BASE: error: layer 1 cannot use the keys and values of layer 0: its base is 5.000000e+05, that of layer 0 is 1.000000e+04; choose groups
// PAIRING: error: layer 2 cannot use the keys and values of layer 0: its rope pairing is half, that of layer 0 is adjacent; choose groups
// SCALE: error: layer 3 cannot use the keys and values of layer 0: its scale is 5.000000e-01, that of layer 0 is 1.000000e+00; choose groups
// UNROTATED: error: layer 4 cannot use the keys and values of layer 0: its rotation of keys is false, that of layer 0 is true; choose groups
// POSITIONS: error: layer 5 cannot use the keys and values of layer 0: its keys are rotated by other positions than those of layer 0; choose groups

//--- three.mlir
func.func @forward(%q: tensor<4x16xf32>, %k: tensor<1x4x16xf32>, %p: tensor<4xi32>, %s: tensor<4xi32>)
    -> tensor<4x16xf32> {
  %a = nyala.attention %q, %k, %k at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %b = nyala.attention %a, %k, %k at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %c = nyala.attention %b, %k, %k at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  return %c : tensor<4x16xf32>
}

//--- none.mlir
func.func @forward(%q: tensor<4x16xf32>) -> tensor<4x16xf32> {
  return %q : tensor<4x16xf32>
}

//--- unequal.mlir
func.func @a(%q: tensor<4x16xf32>, %k: tensor<1x4x16xf32>, %p: tensor<4xi32>, %s: tensor<4xi32>)
    -> tensor<4x16xf32> {
  %a = nyala.attention %q, %k, %k at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %b = nyala.attention %a, %k, %k at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  return %b : tensor<4x16xf32>
}
func.func @b(%q: tensor<4x16xf32>, %k: tensor<1x4x16xf32>, %p: tensor<4xi32>, %s: tensor<4xi32>)
    -> tensor<4x16xf32> {
  %a = nyala.attention %q, %k, %k at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  return %a : tensor<4x16xf32>
}

//--- pair.mlir
func.func @forward(%q: tensor<4x16xf32>, %k: tensor<1x4x16xf32>, %p: tensor<4xi32>, %s: tensor<4xi32>)
    -> tensor<4x16xf32> {
  %a = nyala.attention %q, %k, %k at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %b = nyala.attention %a, %k, %k at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal> { window }}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  return %b : tensor<4x16xf32>
}

//--- heads.mlir
func.func @forward(%q: tensor<4x16xf32>, %k: tensor<1x4x16xf32>, %l: tensor<1x4x8xf32>,
                   %p: tensor<4xi32>, %s: tensor<4xi32>) -> tensor<4x16xf32> {
  %a = nyala.attention %q, %k, %k at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %b = nyala.attention %a, %l, %l at %p in %s
     {heads = 2, kv_heads = 1, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  return %b : tensor<4x16xf32>
}

//--- width.mlir
func.func @forward(%q: tensor<4x16xf32>, %k: tensor<1x4x16xf32>, %l: tensor<1x4x8xf32>,
                   %p: tensor<4xi32>, %s: tensor<4xi32>) -> tensor<4x8xf32> {
  %a = nyala.attention %q, %k, %k at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %b = nyala.attention %a, %k, %l at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x8xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x8xf32>
  return %b : tensor<4x8xf32>
}

//--- rope.mlir
func.func @forward(%q: tensor<4x16xf32>, %k: tensor<4x16xf32>, %p: tensor<4xi32>, %o: tensor<4xi32>, %s: tensor<4xi32>)
    -> tensor<4x16xf32> {
  %k0 = nyala.rope adjacent %k at %p {heads = 2, dims = 8, base = 1.0e4} : tensor<4x16xf32>, tensor<4xi32>
  %k1 = nyala.rope adjacent %k at %p {heads = 2, dims = 8, base = 5.0e5} : tensor<4x16xf32>, tensor<4xi32>
  %k2 = nyala.rope half %k at %p {heads = 2, dims = 8, base = 1.0e4} : tensor<4x16xf32>, tensor<4xi32>
  %k3 = nyala.rope adjacent %k at %p {heads = 2, dims = 8, base = 1.0e4, scale = 0.5} : tensor<4x16xf32>, tensor<4xi32>
  %k5 = nyala.rope adjacent %k at %o {heads = 2, dims = 8, base = 1.0e4} : tensor<4x16xf32>, tensor<4xi32>
  %c0 = tensor.expand_shape %k0 [[0, 1], [2]] output_shape [1, 4, 16] : tensor<4x16xf32> into tensor<1x4x16xf32>
  %c1 = tensor.expand_shape %k1 [[0, 1], [2]] output_shape [1, 4, 16] : tensor<4x16xf32> into tensor<1x4x16xf32>
  %c2 = tensor.expand_shape %k2 [[0, 1], [2]] output_shape [1, 4, 16] : tensor<4x16xf32> into tensor<1x4x16xf32>
  %c3 = tensor.expand_shape %k3 [[0, 1], [2]] output_shape [1, 4, 16] : tensor<4x16xf32> into tensor<1x4x16xf32>
  %c4 = tensor.expand_shape %k [[0, 1], [2]] output_shape [1, 4, 16] : tensor<4x16xf32> into tensor<1x4x16xf32>
  %c5 = tensor.expand_shape %k5 [[0, 1], [2]] output_shape [1, 4, 16] : tensor<4x16xf32> into tensor<1x4x16xf32>
  %a0 = nyala.attention %q, %c0, %c0 at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %a1 = nyala.attention %a0, %c1, %c1 at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %a2 = nyala.attention %a1, %c2, %c2 at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %a3 = nyala.attention %a2, %c3, %c3 at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %a4 = nyala.attention %a3, %c4, %c4 at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  %a5 = nyala.attention %a4, %c5, %c5 at %p in %s
     {heads = 2, kv_heads = 2, scale = 0.25 : f32, mask = #nyala.mask<causal>}
     : tensor<4x16xf32>, tensor<1x4x16xf32>, tensor<1x4x16xf32>, tensor<4xi32>, tensor<4xi32> -> tensor<4x16xf32>
  return %a5 : tensor<4x16xf32>
}
