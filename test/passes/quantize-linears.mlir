// RUN: nyala-opt %s --nyala-quantize-linears -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-quantize-linears --remarks-filter=nyala-quantize-linears -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// Rounding activations to 8 bits moves the results by less than a hundredth of what they are.
// RUN: nyala-interpret --compare %s %t.after --random-weights --seed 1 --tolerance 0.2/0.02 --dim 0.0=3
// A product with another weight must be noticed.
// RUN: sed -e "s/, %k :/, %q :/" %t.after > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --random-weights --seed 1 --tolerance 0.2/0.02 --dim 0.0=3

nyala.weight @q : tensor<64x64xf32> source #nyala.source<"m.gguf", offset = 0, bytes = 2560, format = q4_1>
nyala.weight @k : tensor<64x64xf32> source #nyala.source<"m.gguf", offset = 4096, bytes = 2560, format = q4_1>
nyala.weight @f : tensor<16x64xf32> source #nyala.source<"m.gguf", offset = 8192, bytes = 2048, format = f16>
nyala.weight @q4k : tensor<16x256xf32> source #nyala.source<"m.gguf", offset = 16384, bytes = 2304, format = q4_k>
nyala.weight @q6k : tensor<16x256xf32> source #nyala.source<"m.gguf", offset = 20480, bytes = 3360, format = q6_k>
nyala.weight @bias : tensor<128xf32>

// CHECK-LABEL: func.func @forward
// Products of one input share its quantization; a concatenation is one weight.
// CHECK: %[[Q:.+]], %[[S:.+]], %[[T:.+]] = nyala.quantize %arg0
// CHECK-SAME: tensor<?x64xf32> -> tensor<?x64xi8>, tensor<?x2xf32>, tensor<?x4xi32>
// CHECK: nyala.quantized_linear %[[Q]], %[[S]], %[[T]], %{{.*}} bias %{{.*}}
// CHECK-NOT: nyala.quantize %arg0
// CHECK: nyala.quantized_linear %[[Q]], %[[S]], %[[T]], %k :
// Plain floats are multiplied as such.
// CHECK: nyala.linear %arg0, %f
// REMARK-DAG: [Passed] LinearQuantized
// REMARK-DAG: [Missed] LinearNotQuantized | {{.*}}Reason="the weight is not stored in blocks of quantized values"
func.func @forward(%x: tensor<?x64xf32>)
    -> (tensor<?x128xf32>, tensor<?x64xf32>, tensor<?x16xf32>) {
  %q = nyala.load @q : tensor<64x64xf32>
  %k = nyala.load @k : tensor<64x64xf32>
  %f = nyala.load @f : tensor<16x64xf32>
  %bias = nyala.load @bias : tensor<128xf32>
  %qk = tensor.concat dim(0) %q, %k : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<128x64xf32>
  %0 = nyala.linear %x, %qk bias %bias : tensor<?x64xf32>, tensor<128x64xf32>, tensor<128xf32> -> tensor<?x128xf32>
  %1 = nyala.linear %x, %k : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  %2 = nyala.linear %x, %f : tensor<?x64xf32>, tensor<16x64xf32> -> tensor<?x16xf32>
  return %0, %1, %2 : tensor<?x128xf32>, tensor<?x64xf32>, tensor<?x16xf32>
}

// Larger blocks, which differ, share the quantization in blocks of 32 and its sums of 16.
// CHECK-LABEL: func.func @super_blocks
// CHECK: %[[Q:.+]], %[[S:.+]], %[[T:.+]] = nyala.quantize %arg0
// CHECK-SAME: tensor<?x256xf32> -> tensor<?x256xi8>, tensor<?x8xf32>, tensor<?x16xi32>
// CHECK: nyala.quantized_linear %[[Q]], %[[S]], %[[T]], %q4k :
// CHECK-NOT: nyala.quantize %
// CHECK: nyala.quantized_linear %[[Q]], %[[S]], %[[T]], %q6k :
func.func @super_blocks(%x: tensor<?x256xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %q4k = nyala.load @q4k : tensor<16x256xf32>
  %q6k = nyala.load @q6k : tensor<16x256xf32>
  %0 = nyala.linear %x, %q4k : tensor<?x256xf32>, tensor<16x256xf32> -> tensor<?x16xf32>
  %1 = nyala.linear %x, %q6k : tensor<?x256xf32>, tensor<16x256xf32> -> tensor<?x16xf32>
  return %0, %1 : tensor<?x16xf32>, tensor<?x16xf32>
}
