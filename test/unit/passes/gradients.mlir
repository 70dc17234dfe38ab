// One function a case for GradientTest.cpp: gradients of a weighted sum of all results with respect to
// all arguments are compared with finite differences. Every op that has a gradient must be here.

//===- Products -----------------------------------------------------------===//

func.func @linear(%x: tensor<3x4xf32>, %w: tensor<2x4xf32>, %b: tensor<2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %0 = nyala.linear %x, %w : tensor<3x4xf32>, tensor<2x4xf32> -> tensor<3x2xf32>
  %1 = nyala.linear %x, %w bias %b : tensor<3x4xf32>, tensor<2x4xf32>, tensor<2xf32> -> tensor<3x2xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<3x2xf32>
}

func.func @linear_of_narrow_weight(%x: tensor<3x4xf32>, %w: tensor<2x4xf32>) -> tensor<3x2xf32> {
  %narrow = arith.truncf %w : tensor<2x4xf32> to tensor<2x4xbf16>
  %0 = nyala.linear %x, %narrow : tensor<3x4xf32>, tensor<2x4xbf16> -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

func.func @matmul(%a: tensor<3x4xf32>, %b: tensor<4x2xf32>, %c: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %0 = nyala.matmul %a, %b : tensor<3x4xf32>, tensor<4x2xf32> -> tensor<3x2xf32>
  %1 = nyala.matmul %a, %b plus %c : tensor<3x4xf32>, tensor<4x2xf32>, tensor<3x2xf32> -> tensor<3x2xf32>
  return %0, %1 : tensor<3x2xf32>, tensor<3x2xf32>
}

func.func @matmul_first_transposed(%a: tensor<4x3xf32>, %b: tensor<4x2xf32>) -> tensor<3x2xf32> {
  %0 = nyala.matmul %a, %b {transpose_a} : tensor<4x3xf32>, tensor<4x2xf32> -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

func.func @matmul_second_transposed(%a: tensor<3x4xf32>, %b: tensor<2x4xf32>) -> tensor<3x2xf32> {
  %0 = nyala.matmul %a, %b {transpose_b} : tensor<3x4xf32>, tensor<2x4xf32> -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

func.func @matmul_both_transposed(%a: tensor<4x3xf32>, %b: tensor<2x4xf32>) -> tensor<3x2xf32> {
  %0 = nyala.matmul %a, %b {transpose_a, transpose_b} : tensor<4x3xf32>, tensor<2x4xf32> -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

func.func @matmul_of_itself(%a: tensor<3x3xf32>) -> tensor<3x3xf32> {
  %0 = nyala.matmul %a, %a : tensor<3x3xf32>, tensor<3x3xf32> -> tensor<3x3xf32>
  return %0 : tensor<3x3xf32>
}

func.func @matmul_narrow(%a: tensor<3x4xf32>, %b: tensor<2x4xf32>) -> tensor<3x2xf32> {
  %x = arith.truncf %a : tensor<3x4xf32> to tensor<3x4xbf16>
  %y = arith.truncf %b : tensor<2x4xf32> to tensor<2x4xbf16>
  %0 = nyala.matmul %x, %y {transpose_b} : tensor<3x4xbf16>, tensor<2x4xbf16> -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

//===- Rows by index ------------------------------------------------------===//

func.func @embedding(%table: tensor<5x3xf32>) -> tensor<4x3xf32> {
  %ids = arith.constant dense<[4, 0, 4, 2]> : tensor<4xi32>
  %0 = nyala.embedding %ids, %table : tensor<4xi32>, tensor<5x3xf32> -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

func.func @gather(%x: tensor<5x3xf32>) -> tensor<4x3xf32> {
  %ids = arith.constant dense<[1, 1, 3, 0]> : tensor<4xi32>
  %0 = nyala.gather %x, %ids : tensor<5x3xf32>, tensor<4xi32> -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

func.func @scatter_add(%rows: tensor<4x3xf32>, %initial: tensor<5x3xf32>) -> (tensor<5x3xf32>, tensor<5x3xf32>) {
  %ids = arith.constant dense<[1, 1, 3, 0]> : tensor<4xi32>
  %0 = nyala.scatter_add %rows at %ids : tensor<4x3xf32>, tensor<4xi32> -> tensor<5x3xf32>
  %1 = nyala.scatter_add %rows at %ids into %initial : tensor<4x3xf32>, tensor<4xi32>, tensor<5x3xf32> -> tensor<5x3xf32>
  return %0, %1 : tensor<5x3xf32>, tensor<5x3xf32>
}

//===- Sums and parts -----------------------------------------------------===//

func.func @sum_rows(%x: tensor<4x3xf32>) -> (tensor<1x3xf32>, tensor<1x3xf32>) {
  %0 = nyala.sum_rows %x : tensor<4x3xf32> -> tensor<1x3xf32>
  %1 = nyala.sum_rows %x {squared} : tensor<4x3xf32> -> tensor<1x3xf32>
  return %0, %1 : tensor<1x3xf32>, tensor<1x3xf32>
}

func.func @broadcast_columns(%x: tensor<4x1xf32>) -> tensor<4x3xf32> {
  %0 = nyala.broadcast_columns %x : tensor<4x1xf32> -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

func.func @reduce(%x: tensor<4x3xf32>) -> (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>) {
  %0 = nyala.reduce sum %x : tensor<4x3xf32> -> tensor<4x1xf32>
  %1 = nyala.reduce mean %x : tensor<4x3xf32> -> tensor<4x1xf32>
  %2 = nyala.reduce max %x : tensor<4x3xf32> -> tensor<4x1xf32>
  return %0, %1, %2 : tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>
}

func.func @split(%x: tensor<4x6xf32>) -> (tensor<4x1xf32>, tensor<4x3xf32>) {
  // The loss does not depend on the second part.
  %0:3 = nyala.split %x : tensor<4x6xf32> -> tensor<4x1xf32>, tensor<4x2xf32>, tensor<4x3xf32>
  return %0#0, %0#2 : tensor<4x1xf32>, tensor<4x3xf32>
}

//===- Norms, rotations, activations --------------------------------------===//

func.func @rms_norm(%x: tensor<3x4xf32>, %w: tensor<4xf32>, %head: tensor<2xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>) {
  %0 = nyala.rms_norm %x, %w {epsilon = 1.0e-2 : f32} : tensor<3x4xf32>, tensor<4xf32>
  %1 = nyala.rms_norm %x, %head {epsilon = 1.0e-2 : f32, groups = 2} : tensor<3x4xf32>, tensor<2xf32>
  return %0, %1 : tensor<3x4xf32>, tensor<3x4xf32>
}

func.func @layer_norm(%x: tensor<3x4xf32>, %w: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>) {
  %0 = nyala.layer_norm %x, %w {epsilon = 1.0e-2 : f32} : tensor<3x4xf32>, tensor<4xf32>
  %1 = nyala.layer_norm %x, %w bias %b {epsilon = 1.0e-2 : f32} : tensor<3x4xf32>, tensor<4xf32>, tensor<4xf32>
  return %0, %1 : tensor<3x4xf32>, tensor<3x4xf32>
}

func.func @rope(%x: tensor<3x12xf32>) -> (tensor<3x12xf32>, tensor<3x12xf32>) {
  %positions = arith.constant dense<[0, 3, 7]> : tensor<3xi32>
  %0 = nyala.rope half %x at %positions {heads = 2, dims = 4, base = 1.0e2, scale = 0.5, factors = array<f32: 1.0, 2.0>} : tensor<3x12xf32>, tensor<3xi32>
  %1 = nyala.rope adjacent %x at %positions {heads = 3, dims = 4, base = 1.0e2} : tensor<3x12xf32>, tensor<3xi32>
  return %0, %1 : tensor<3x12xf32>, tensor<3x12xf32>
}

func.func @rotate(%x: tensor<3x12xf32>) -> (tensor<3x12xf32>, tensor<3x12xf32>) {
  %positions = arith.constant dense<[0, 3, 7]> : tensor<3xi32>
  %table = nyala.rope_table %positions {dims = 4, base = 1.0e2} : tensor<3xi32> -> tensor<3x4xf32>
  %0 = nyala.rotate half %x by %table {heads = 2} : tensor<3x12xf32>, tensor<3x4xf32>
  %1 = nyala.rotate adjacent %x by %table {heads = 3, inverse} : tensor<3x12xf32>, tensor<3x4xf32>
  return %0, %1 : tensor<3x12xf32>, tensor<3x12xf32>
}

func.func @activation(%x: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) {
  %0 = nyala.activation silu %x : tensor<3x4xf32>
  %1 = nyala.activation gelu %x : tensor<3x4xf32>
  %2 = nyala.activation gelu_tanh %x : tensor<3x4xf32>
  %3 = nyala.activation relu %x : tensor<3x4xf32>
  return %0, %1, %2, %3 : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>
}

func.func @gated_activation(%gate: tensor<3x4xf32>, %x: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>) {
  %0 = nyala.gated_activation silu %gate, %x : tensor<3x4xf32>
  %1 = nyala.gated_activation gelu_tanh %x, %x : tensor<3x4xf32>
  return %0, %1 : tensor<3x4xf32>, tensor<3x4xf32>
}

func.func @softmax(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %0 = nyala.softmax %x : tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

//===- Attention and loss -------------------------------------------------===//

func.func @self_attention(%q: tensor<6x8xf32>, %k: tensor<6x4xf32>, %v: tensor<6x2xf32>) -> tensor<6x4xf32> {
  %0:2 = nyala.self_attention %q, %k, %v {heads = 4, kv_heads = 2, scale = 0.5 : f32, length = 3, mask = #nyala.mask<causal>}
     : tensor<6x8xf32>, tensor<6x4xf32>, tensor<6x2xf32> -> tensor<6x4xf32>, tensor<6x4xf32>
  return %0#0 : tensor<6x4xf32>
}

func.func @self_attention_window(%q: tensor<5x4xf32>, %kv: tensor<5x4xf32>) -> tensor<5x4xf32> {
  // Keys and values are one: their gradients add up.
  %0:2 = nyala.self_attention %q, %kv, %kv {heads = 2, kv_heads = 2, scale = 1.5 : f32, length = 5, mask = #nyala.mask<causal, window = 2>}
     : tensor<5x4xf32>, tensor<5x4xf32>, tensor<5x4xf32> -> tensor<5x4xf32>, tensor<5x2xf32>
  return %0#0 : tensor<5x4xf32>
}

func.func @cross_entropy(%x: tensor<3x4xf32>, %w: tensor<5x4xf32>) -> tensor<3x1xf32> {
  %targets = arith.constant dense<[4, 0, 2]> : tensor<3xi32>
  %0:2 = nyala.cross_entropy %x, %w at %targets : tensor<3x4xf32>, tensor<5x4xf32>, tensor<3xi32> -> tensor<3x1xf32>, tensor<3x1xf32>
  return %0#0 : tensor<3x1xf32>
}

//===- arith and math -----------------------------------------------------===//

func.func @arithmetic(%x: tensor<3x4xf32>, %y: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) {
  %0 = arith.addf %x, %y : tensor<3x4xf32>
  %1 = arith.subf %x, %y : tensor<3x4xf32>
  %2 = arith.mulf %x, %y : tensor<3x4xf32>
  %positive = math.exp %y : tensor<3x4xf32>
  %3 = arith.divf %x, %positive : tensor<3x4xf32>
  %4 = arith.negf %x : tensor<3x4xf32>
  return %0, %1, %2, %3, %4 : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>
}

func.func @choices(%x: tensor<3x4xf32>, %y: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) {
  %0 = arith.maximumf %x, %y : tensor<3x4xf32>
  %1 = arith.minimumf %x, %y : tensor<3x4xf32>
  %zeros = arith.constant dense<0.0> : tensor<3x4xf32>
  %condition = arith.cmpf ogt, %y, %zeros : tensor<3x4xf32>
  %2 = arith.select %condition, %x, %y : tensor<3x4xi1>, tensor<3x4xf32>
  %true = arith.constant true
  %3 = arith.select %true, %x, %y : tensor<3x4xf32>
  return %0, %1, %2, %3 : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>
}

func.func @conversions(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %0 = arith.truncf %x : tensor<3x4xf32> to tensor<3x4xf16>
  %1 = arith.extf %0 : tensor<3x4xf16> to tensor<3x4xf32>
  return %1 : tensor<3x4xf32>
}

func.func @functions(%x: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) {
  %positive = math.exp %x : tensor<3x4xf32>
  %one = arith.constant dense<1.0> : tensor<3x4xf32>
  %shifted = arith.addf %positive, %one : tensor<3x4xf32>
  %0 = math.log %shifted : tensor<3x4xf32>
  %1 = math.sqrt %shifted : tensor<3x4xf32>
  %2 = math.rsqrt %shifted : tensor<3x4xf32>
  %3 = math.tanh %x : tensor<3x4xf32>
  return %0, %1, %2, %3 : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>
}

//===- Tensors ------------------------------------------------------------===//

func.func @reshapes(%x: tensor<4x3xf32>, %v: tensor<3xf32>) -> (tensor<2x6xf32>, tensor<1x3xf32>) {
  %0 = tensor.collapse_shape %x [[0, 1]] : tensor<4x3xf32> into tensor<12xf32>
  %1 = tensor.expand_shape %0 [[0, 1]] output_shape [2, 6] : tensor<12xf32> into tensor<2x6xf32>
  %2 = tensor.expand_shape %v [[0, 1]] output_shape [1, 3] : tensor<3xf32> into tensor<1x3xf32>
  return %1, %2 : tensor<2x6xf32>, tensor<1x3xf32>
}

func.func @cast(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %0 = tensor.cast %x : tensor<4x3xf32> to tensor<?x3xf32>
  %1 = nyala.activation silu %0 : tensor<?x3xf32>
  %2 = tensor.cast %1 : tensor<?x3xf32> to tensor<4x3xf32>
  return %2 : tensor<4x3xf32>
}

func.func @concat(%x: tensor<2x3xf32>, %y: tensor<1x3xf32>, %z: tensor<2x2xf32>) -> (tensor<5x3xf32>, tensor<2x5xf32>) {
  %0 = tensor.concat dim(0) %x, %y, %x : (tensor<2x3xf32>, tensor<1x3xf32>, tensor<2x3xf32>) -> tensor<5x3xf32>
  %1 = tensor.concat dim(1) %z, %x : (tensor<2x2xf32>, tensor<2x3xf32>) -> tensor<2x5xf32>
  return %0, %1 : tensor<5x3xf32>, tensor<2x5xf32>
}

func.func @slices(%x: tensor<4x3xf32>) -> (tensor<2x3xf32>, tensor<3x1xf32>) {
  %0 = tensor.extract_slice %x[1, 0] [2, 3] [1, 1] : tensor<4x3xf32> to tensor<2x3xf32>
  %1 = tensor.extract_slice %x[1, 2] [3, 1] [1, 1] : tensor<4x3xf32> to tensor<3x1xf32>
  return %0, %1 : tensor<2x3xf32>, tensor<3x1xf32>
}

//===- Several ops --------------------------------------------------------===//

func.func @residual(%x: tensor<3x4xf32>, %w: tensor<4x4xf32>, %n: tensor<4xf32>) -> tensor<3x4xf32> {
  // One weight and one value with several uses each.
  %0 = nyala.rms_norm %x, %n {epsilon = 1.0e-2 : f32} : tensor<3x4xf32>, tensor<4xf32>
  %1 = nyala.linear %0, %w : tensor<3x4xf32>, tensor<4x4xf32> -> tensor<3x4xf32>
  %2 = nyala.gated_activation silu %1, %0 : tensor<3x4xf32>
  %3 = nyala.linear %2, %w : tensor<3x4xf32>, tensor<4x4xf32> -> tensor<3x4xf32>
  %4 = arith.addf %x, %3 : tensor<3x4xf32>
  return %4 : tensor<3x4xf32>
}
