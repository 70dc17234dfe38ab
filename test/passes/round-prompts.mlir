// RUN: nyala-opt %s --nyala-round-prompts -o %t.after && FileCheck %s < %t.after
// RUN: nyala-opt %s --nyala-round-prompts --remarks-filter=nyala-round-prompts -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// Rounding to bf16 in place of 8-bit integers: near, not equal.
// RUN: nyala-interpret --compare %s %t.after --entry cuda_prefill --random-weights --seed 1 --tolerance 5e-2 --dim rows=5,wanted=2
// RUN: sed -e 's/nyala.linear %\([a-z0-9_]*\), \(%[a-z0-9_]*\) bias %bias/nyala.linear %\1, \2 bias %other/' %t.after > %t.wrong
// RUN: not nyala-interpret --compare %s %t.wrong --entry cuda_prefill --random-weights --seed 1 --tolerance 5e-2 --dim rows=5,wanted=2

nyala.weight @w : tensor<16x32xf32, #nyala.packed<q8_0>>
nyala.weight @plain : tensor<16x32xf32>
nyala.weight @bias : tensor<16xf32>
nyala.weight @other : tensor<16xf32>

// REMARK: product of bf16, whose weight is widened at each call
// REMARK: few of its rows are wanted
// CHECK-LABEL: func.func @cuda_prefill
// CHECK-SAME: %[[X:arg0]]: tensor<?x32xf32>
func.func @cuda_prefill(%x: tensor<?x32xf32> {nyala.max_rows = 128 : i64, nyala.role = "rows"},
                        %wanted: tensor<?xi32> {nyala.max_rows = 128 : i64, nyala.role = "wanted"})
    -> (tensor<?x16xf32> {nyala.result = "a"}, tensor<?x16xf32> {nyala.result = "b"}, tensor<?x16xf32> {nyala.result = "c"})
    attributes {nyala.device = "cuda", nyala.entry} {
  %w = nyala.load @w : tensor<16x32xf32, #nyala.packed<q8_0>>
  %plain = nyala.load @plain : tensor<16x32xf32>
  %bias = nyala.load @bias : tensor<16xf32>
  %other = nyala.load @other : tensor<16xf32>
  // What is rounded for both products is rounded once; a packed weight is unpacked.
  // CHECK-NOT: nyala.quantize %[[X]]
  // CHECK: %[[X1:.+]] = arith.truncf %[[X]] : tensor<?x32xf32> to tensor<?x32xbf16>
  // CHECK-NEXT: %[[U:.+]] = nyala.unpack %w : tensor<16x32xf32, #nyala.packed<q8_0>> -> tensor<16x32xf32>
  // CHECK-NEXT: %[[W:.+]] = arith.truncf %[[U]] : tensor<16x32xf32> to tensor<16x32xbf16>
  // CHECK-NEXT: %[[A:.+]] = nyala.linear %[[X1]], %[[W]] bias %bias
  %q, %s, %t = nyala.quantize %x : tensor<?x32xf32> -> tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>
  %a = nyala.quantized_linear %q, %s, %t, %w bias %bias : tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>, tensor<16x32xf32, #nyala.packed<q8_0>>, tensor<16xf32> -> tensor<?x16xf32>
  // CHECK-NEXT: %[[W2:.+]] = arith.truncf %plain
  // CHECK-NEXT: %[[B:.+]] = nyala.linear %[[X1]], %[[W2]]
  %b = nyala.quantized_linear %q, %s, %t, %plain : tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>, tensor<16x32xf32> -> tensor<?x16xf32>
  // Few rows are wanted: they stay.
  // CHECK: %[[G:.+]] = nyala.gather
  // CHECK: nyala.quantize %[[G]]
  // CHECK: %[[C:.+]] = nyala.quantized_linear
  %g = nyala.gather %x, %wanted : tensor<?x32xf32>, tensor<?xi32> -> tensor<?x32xf32>
  %gq, %gs, %gt = nyala.quantize %g : tensor<?x32xf32> -> tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>
  %c = nyala.quantized_linear %gq, %gs, %gt, %w : tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>, tensor<16x32xf32, #nyala.packed<q8_0>> -> tensor<?x16xf32>
  // CHECK: return %[[A]], %[[B]], %[[C]]
  return %a, %b, %c : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// Up to 64 rows the contract of decoding holds.
// CHECK-LABEL: func.func @cuda_batch
// CHECK: nyala.quantized_linear
func.func @cuda_batch(%x: tensor<?x32xf32> {nyala.max_rows = 64 : i64, nyala.role = "rows"}) -> tensor<?x16xf32>
    attributes {nyala.device = "cuda", nyala.entry} {
  %w = nyala.load @w : tensor<16x32xf32, #nyala.packed<q8_0>>
  %q, %s, %t = nyala.quantize %x : tensor<?x32xf32> -> tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>
  %a = nyala.quantized_linear %q, %s, %t, %w : tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>, tensor<16x32xf32, #nyala.packed<q8_0>> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}

// A CPU multiplies integers.
// CHECK-LABEL: func.func @prefill
// CHECK: nyala.quantized_linear
func.func @prefill(%x: tensor<?x32xf32> {nyala.max_rows = 128 : i64, nyala.role = "rows"}) -> tensor<?x16xf32> attributes {nyala.entry} {
  %w = nyala.load @w : tensor<16x32xf32, #nyala.packed<q8_0>>
  %q, %s, %t = nyala.quantize %x : tensor<?x32xf32> -> tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>
  %a = nyala.quantized_linear %q, %s, %t, %w : tensor<?x32xi8>, tensor<?x1xf32>, tensor<?x2xi32>, tensor<16x32xf32, #nyala.packed<q8_0>> -> tensor<?x16xf32>
  return %a : tensor<?x16xf32>
}
