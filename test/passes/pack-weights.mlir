// RUN: nyala-opt %s --nyala-pack-weights -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-pack-weights --remarks-filter=nyala-pack-weights -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: nyala-interpret --compare %s %t.after --random-weights --seed 1 --tolerance 1e-5 --dim rows=3
// A product with another weight must be noticed.
// RUN: sed -e "s/nyala.pack %a :/nyala.pack %b :/" %t.after > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --random-weights --seed 1 --tolerance 1e-5 --dim rows=3

nyala.weight @table : tensor<64x32xf32> source #nyala.source<"m.gguf", offset = 0, bytes = 2176, format = q8_0>
nyala.weight @q : tensor<32x32xf32> source #nyala.source<"m.gguf", offset = 4096, bytes = 640, format = q4_1>
nyala.weight @k : tensor<16x32xf32> source #nyala.source<"m.gguf", offset = 8192, bytes = 320, format = q4_1>
nyala.weight @a : tensor<32x32xf32>
nyala.weight @b : tensor<32x32xf32>
nyala.weight @norm : tensor<32xf32>
nyala.weight @bias : tensor<48xf32>
nyala.weight @computed : tensor<48x32xf32> initializer {
  %q = nyala.load @q : tensor<32x32xf32>
  %k = nyala.load @k : tensor<16x32xf32>
  %0 = tensor.concat dim(0) %q, %k : (tensor<32x32xf32>, tensor<16x32xf32>) -> tensor<48x32xf32>
  nyala.yield %0 : tensor<48x32xf32>
}
nyala.weight @packed : tensor<32x32xf32, #nyala.packed<f32>> initializer {
  %0 = nyala.load @a : tensor<32x32xf32>
  %1 = nyala.pack %0 : tensor<32x32xf32> -> tensor<32x32xf32, #nyala.packed<f32>>
  nyala.yield %1 : tensor<32x32xf32, #nyala.packed<f32>>
}
nyala.weight @bytes : tensor<16x32xf64>

// CHECK-LABEL: func.func @forward
// The tied table: one packed value for the lookup and the product, though it is loaded twice.
// CHECK: %[[T:.+]] = nyala.load @table
// CHECK: %[[TP:.+]] = nyala.pack %[[T]] : tensor<64x32xf32> -> tensor<64x32xf32, #nyala.packed<q8_0>>
// CHECK: nyala.embedding %{{.*}}, %[[TP]] : tensor<?xi32>, tensor<64x32xf32, #nyala.packed<q8_0>>
// Vectors stay plain.
// CHECK: %[[N:.+]] = nyala.load @norm
// CHECK: nyala.rms_norm %{{.*}}, %[[N]]
// A concatenation is packed as a whole, its bias not at all.
// CHECK: %[[QK:.+]] = tensor.concat
// CHECK: %[[QKP:.+]] = nyala.pack %[[QK]] : tensor<48x32xf32> -> tensor<48x32xf32, #nyala.packed<q4_1>>
// CHECK: %[[B:.+]] = nyala.load @bias : tensor<48xf32>
// CHECK: nyala.linear %{{.*}}, %[[QKP]] bias %[[B]]
// Without a source: the format of the elements.
// CHECK: %[[A:.+]] = nyala.load @a
// CHECK: %[[AP:.+]] = nyala.pack %[[A]] : tensor<32x32xf32> -> tensor<32x32xf32, #nyala.packed<f32>>
// CHECK: nyala.linear %{{.*}}, %[[AP]]
// Of a computed weight: that of what it concatenates.
// CHECK: nyala.pack %{{.*}} : tensor<48x32xf32> -> tensor<48x32xf32, #nyala.packed<q4_1>>
// CHECK: nyala.linear %{{.*}}, %[[TP]] :
// CHECK-NOT: nyala.pack %
// REMARK-DAG: [Passed] WeightPacked | {{.*}}Function=forward | Remark="packed @table, 64 x 32, as q8_0x16"
// REMARK-DAG: [Passed] WeightPacked | {{.*}}Function=forward | Remark="packed @q and 1 more, 48 x 32, as q4_1x16"
func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"})
    -> (tensor<?x48xf32>, tensor<?x32xf32>, tensor<?x48xf32>, tensor<?x64xf32>) {
  %t0 = nyala.load @table : tensor<64x32xf32>
  %x = nyala.embedding %tokens, %t0 : tensor<?xi32>, tensor<64x32xf32> -> tensor<?x32xf32>
  %n = nyala.load @norm : tensor<32xf32>
  %h = nyala.rms_norm %x, %n {epsilon = 1.0e-5 : f32} : tensor<?x32xf32>, tensor<32xf32>
  %q = nyala.load @q : tensor<32x32xf32>
  %k = nyala.load @k : tensor<16x32xf32>
  %qk = tensor.concat dim(0) %q, %k : (tensor<32x32xf32>, tensor<16x32xf32>) -> tensor<48x32xf32>
  %bias = nyala.load @bias : tensor<48xf32>
  %0 = nyala.linear %h, %qk bias %bias : tensor<?x32xf32>, tensor<48x32xf32>, tensor<48xf32> -> tensor<?x48xf32>
  %b = nyala.load @b : tensor<32x32xf32>
  %bx = arith.addf %b, %b : tensor<32x32xf32>
  %a = nyala.load @a : tensor<32x32xf32>
  %1 = nyala.linear %h, %a : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %y = nyala.linear %1, %bx : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %c = nyala.load @computed : tensor<48x32xf32>
  %2 = nyala.linear %h, %c : tensor<?x32xf32>, tensor<48x32xf32> -> tensor<?x48xf32>
  %t1 = nyala.load @table : tensor<64x32xf32>
  %3 = nyala.linear %h, %t1 : tensor<?x32xf32>, tensor<64x32xf32> -> tensor<?x64xf32>
  return %0, %y, %2, %3 : tensor<?x48xf32>, tensor<?x32xf32>, tensor<?x48xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func.func @left_alone
// CHECK-NOT: nyala.pack %
// CHECK: return
// REMARK-DAG: [Missed] WeightNotPacked | {{.*}}Function=left_alone | Reason="it is computed, not loaded"
// REMARK-DAG: [Missed] WeightNotPacked | {{.*}}Function=left_alone | Reason="its elements have no stored format"
func.func @left_alone(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>)
    -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x16xf32>) {
  %0 = nyala.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
  %p = nyala.load @packed : tensor<32x32xf32, #nyala.packed<f32>>
  %1 = nyala.linear %x, %p : tensor<?x32xf32>, tensor<32x32xf32, #nyala.packed<f32>> -> tensor<?x32xf32>
  %b = nyala.load @bytes : tensor<16x32xf64>
  %2 = nyala.linear %x, %b : tensor<?x32xf32>, tensor<16x32xf64> -> tensor<?x16xf32>
  return %0, %1, %2 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x16xf32>
}

// On a GPU what is rounded is stored as it was: one layout, which it is rounded from. Once.
// CHECK-LABEL: func.func @cuda_decode
// CHECK: %[[Q:.+]] = nyala.load @q
// CHECK-NEXT: %[[P:.+]] = nyala.pack %[[Q]] : tensor<32x32xf32> -> tensor<32x32xf32, #nyala.packed<q4_1>>
// CHECK-NEXT: %[[U:.+]] = nyala.unpack %[[P]] : tensor<32x32xf32, #nyala.packed<q4_1>> -> tensor<32x32xf32>
// CHECK-NEXT: %[[B:.+]] = arith.truncf %[[U]] : tensor<32x32xf32> to tensor<32x32xbf16>
// CHECK-NEXT: %[[Y:.+]] = nyala.linear %{{.+}}, %[[B]]
// CHECK-NEXT: nyala.linear %{{.+}}, %[[B]]
func.func @cuda_decode(%x: tensor<?x32xbf16>, %z: tensor<?x32xbf16>) -> (tensor<?x32xf32>, tensor<?x32xf32>) attributes {nyala.device = "cuda"} {
  %q = nyala.load @q : tensor<32x32xf32>
  %b = arith.truncf %q : tensor<32x32xf32> to tensor<32x32xbf16>
  %0 = nyala.linear %x, %b : tensor<?x32xbf16>, tensor<32x32xbf16> -> tensor<?x32xf32>
  %1 = nyala.linear %z, %b : tensor<?x32xbf16>, tensor<32x32xbf16> -> tensor<?x32xf32>
  return %0, %1 : tensor<?x32xf32>, tensor<?x32xf32>
}
