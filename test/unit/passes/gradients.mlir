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

func.func @log_sum_exp(%z: tensor<3x4xf32>) -> (tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>) {
  // The loss of the rows; each part alone; both, but not their difference. The second row has no target.
  %targets = arith.constant dense<[3, -1, 1]> : tensor<3xi32>
  %0:2 = nyala.log_sum_exp %z at %targets : tensor<3x4xf32>, tensor<3xi32> -> tensor<3x1xf32>, tensor<3x1xf32>
  %loss = arith.subf %0#0, %0#1 : tensor<3x1xf32>
  %1:2 = nyala.log_sum_exp %z at %targets : tensor<3x4xf32>, tensor<3xi32> -> tensor<3x1xf32>, tensor<3x1xf32>
  %2:2 = nyala.log_sum_exp %z at %targets : tensor<3x4xf32>, tensor<3xi32> -> tensor<3x1xf32>, tensor<3x1xf32>
  %3:2 = nyala.log_sum_exp %z at %targets : tensor<3x4xf32>, tensor<3xi32> -> tensor<3x1xf32>, tensor<3x1xf32>
  %sum = arith.addf %3#0, %3#1 : tensor<3x1xf32>
  return %loss, %1#0, %2#1, %sum : tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>, tensor<3x1xf32>
}

//===- Images -------------------------------------------------------------===//

func.func @convolution(%x: tensor<2x2x5x6xf32>, %w: tensor<3x2x3x2xf32>, %b: tensor<3xf32>) -> (tensor<2x3x3x5xf32>, tensor<2x3x3x3xf32>) {
  %0 = nyala.convolution %x, %w : tensor<2x2x5x6xf32>, tensor<3x2x3x2xf32> -> tensor<2x3x3x5xf32>
  %1 = nyala.convolution %x, %w bias %b {strides = array<i64: 2, 2>, pads = array<i64: 2, 1, 1, 0>, dilations = array<i64: 1, 2>}
     : tensor<2x2x5x6xf32>, tensor<3x2x3x2xf32>, tensor<3xf32> -> tensor<2x3x3x3xf32>
  return %0, %1 : tensor<2x3x3x5xf32>, tensor<2x3x3x3xf32>
}

func.func @convolution_of_groups(%x: tensor<2x4x4x4xf32>, %w: tensor<6x2x2x2xf32>, %d: tensor<4x1x3x3xf32>) -> (tensor<2x6x3x3xf32>, tensor<2x4x2x2xf32>) {
  %0 = nyala.convolution %x, %w {groups = 2} : tensor<2x4x4x4xf32>, tensor<6x2x2x2xf32> -> tensor<2x6x3x3xf32>
  %1 = nyala.convolution %x, %d {groups = 4, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>}
     : tensor<2x4x4x4xf32>, tensor<4x1x3x3xf32> -> tensor<2x4x2x2xf32>
  return %0, %1 : tensor<2x6x3x3xf32>, tensor<2x4x2x2xf32>
}

func.func @transposed_convolution(%x: tensor<2x4x3x3xf32>, %w: tensor<4x3x2x3xf32>, %g: tensor<4x1x3x3xf32>, %b: tensor<3xf32>) -> (tensor<2x3x6x7xf32>, tensor<2x2x6x6xf32>) {
  // With strides there are several sizes.
  %0 = nyala.transposed_convolution %x, %w bias %b {strides = array<i64: 2, 2>}
     : tensor<2x4x3x3xf32>, tensor<4x3x2x3xf32>, tensor<3xf32> -> tensor<2x3x6x7xf32>
  %1 = nyala.transposed_convolution %x, %g {strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>, groups = 2}
     : tensor<2x4x3x3xf32>, tensor<4x1x3x3xf32> -> tensor<2x2x6x6xf32>
  return %0, %1 : tensor<2x3x6x7xf32>, tensor<2x2x6x6xf32>
}

func.func @pool(%x: tensor<2x2x5x6xf32>) -> (tensor<2x2x3x3xf32>, tensor<2x2x2x4xf32>, tensor<2x2x3x3xf32>, tensor<2x2x3x4xf32>, tensor<2x2x1x1xf32>) {
  // Windows that overlap and reach beyond the edge; the last one cut.
  %0 = nyala.pool max %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 1>} : tensor<2x2x5x6xf32> -> tensor<2x2x3x3xf32>
  %1 = nyala.pool max %x {window = array<i64: 2, 2>, strides = array<i64: 2, 1>, dilations = array<i64: 2, 2>} : tensor<2x2x5x6xf32> -> tensor<2x2x2x4xf32>
  %2 = nyala.pool average %x {window = array<i64: 2, 3>, strides = array<i64: 2, 2>, pads = array<i64: 0, 1, 1, 1>} : tensor<2x2x5x6xf32> -> tensor<2x2x3x3xf32>
  %3 = nyala.pool average %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>, pads = array<i64: 1, 1, 1, 2>, count_pads} : tensor<2x2x5x6xf32> -> tensor<2x2x3x4xf32>
  %4 = nyala.pool average %x {window = array<i64: 5, 6>} : tensor<2x2x5x6xf32> -> tensor<2x2x1x1xf32>
  return %0, %1, %2, %3, %4 : tensor<2x2x3x3xf32>, tensor<2x2x2x4xf32>, tensor<2x2x3x3xf32>, tensor<2x2x3x4xf32>, tensor<2x2x1x1xf32>
}

func.func @batch_norm(%x: tensor<2x3x2x2xf32>, %s: tensor<3xf32>, %b: tensor<3xf32>) -> tensor<2x3x2x2xf32> {
  %mean = arith.constant dense<[0.5, -1.0, 2.0]> : tensor<3xf32>
  %variance = arith.constant dense<[0.5, 1.0, 3.0]> : tensor<3xf32>
  %0 = nyala.batch_norm %x scale %s bias %b mean %mean variance %variance {epsilon = 1.0e-2 : f32} : tensor<2x3x2x2xf32>, tensor<3xf32>
  return %0 : tensor<2x3x2x2xf32>
}

func.func @batch_norm_training(%x: tensor<3x2x2x2xf32>, %s: tensor<2xf32>, %b: tensor<2xf32>, %rows: tensor<4x2xf32>) -> (tensor<3x2x2x2xf32>, tensor<4x2xf32>) {
  %0:3 = nyala.batch_norm_training %x scale %s bias %b {epsilon = 1.0e-2 : f32} : tensor<3x2x2x2xf32>, tensor<2xf32>
  %1:3 = nyala.batch_norm_training %rows scale %s bias %b {epsilon = 1.0e-2 : f32} : tensor<4x2xf32>, tensor<2xf32>
  return %0#0, %1#0 : tensor<3x2x2x2xf32>, tensor<4x2xf32>
}

func.func @local_response_norm(%x: tensor<2x5x2x1xf32>) -> (tensor<2x5x2x1xf32>, tensor<2x5x2x1xf32>) {
  %0 = nyala.local_response_norm %x {size = 3, alpha = 0.5 : f32, beta = 0.75 : f32, bias = 1.0 : f32} : tensor<2x5x2x1xf32>
  %1 = nyala.local_response_norm %x {size = 4, alpha = 2.0 : f32, beta = 0.5 : f32, bias = 0.5 : f32} : tensor<2x5x2x1xf32>
  return %0, %1 : tensor<2x5x2x1xf32>, tensor<2x5x2x1xf32>
}

func.func @resize(%x: tensor<1x2x3x4xf32>) -> (tensor<1x2x6x8xf32>, tensor<1x2x5x6xf32>, tensor<1x2x2x3xf32>, tensor<1x2x6x7xf32>) {
  %0 = nyala.resize nearest %x {coordinates = #nyala<resize_coordinates asymmetric>, rounding = #nyala<resize_rounding floor>, scales = array<f64: 2.0, 2.0>}
     : tensor<1x2x3x4xf32> -> tensor<1x2x6x8xf32>
  %1 = nyala.resize linear %x {coordinates = #nyala<resize_coordinates half_pixel>, scales = array<f64: 1.7, 1.5>} : tensor<1x2x3x4xf32> -> tensor<1x2x5x6xf32>
  %2 = nyala.resize linear %x {coordinates = #nyala<resize_coordinates align_corners>, scales = array<f64: 0.7, 0.75>} : tensor<1x2x3x4xf32> -> tensor<1x2x2x3xf32>
  %3 = nyala.transposed_resize linear %x {coordinates = #nyala<resize_coordinates half_pixel>, scales = array<f64: 0.5, 0.6>} : tensor<1x2x3x4xf32> -> tensor<1x2x6x7xf32>
  return %0, %1, %2, %3 : tensor<1x2x6x8xf32>, tensor<1x2x5x6xf32>, tensor<1x2x2x3xf32>, tensor<1x2x6x7xf32>
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

func.func @limits(%x: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) {
  // Beside constants, on either side.
  %low = arith.constant dense<-0.25> : tensor<3x4xf32>
  %high = arith.constant dense<0.5> : tensor<3x4xf32>
  %0 = arith.maximumf %x, %low : tensor<3x4xf32>
  %1 = arith.minimumf %0, %high : tensor<3x4xf32>
  %2 = arith.maximumf %low, %x : tensor<3x4xf32>
  %3 = arith.minimumf %high, %x : tensor<3x4xf32>
  return %1, %2, %3 : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>
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

func.func @more_functions(%x: tensor<3x4xf32>, %y: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) {
  %positive = math.exp %x : tensor<3x4xf32>
  %0 = math.log1p %positive : tensor<3x4xf32>
  %1 = math.erf %x : tensor<3x4xf32>
  %2 = math.absf %x : tensor<3x4xf32>
  %3 = math.sin %x : tensor<3x4xf32>
  %4 = math.cos %x : tensor<3x4xf32>
  %5 = math.powf %positive, %y : tensor<3x4xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>
}

func.func @steps(%x: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>) {
  %0 = math.floor %x : tensor<3x4xf32>
  %1 = math.ceil %x : tensor<3x4xf32>
  %2 = arith.mulf %0, %x : tensor<3x4xf32>
  return %1, %2 : tensor<3x4xf32>, tensor<3x4xf32>
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

func.func @concat_of_channels(%x: tensor<2x2x3xf32>, %y: tensor<2x1x3xf32>) -> tensor<2x3x3xf32> {
  %0 = tensor.concat dim(1) %x, %y : (tensor<2x2x3xf32>, tensor<2x1x3xf32>) -> tensor<2x3x3xf32>
  return %0 : tensor<2x3x3xf32>
}

func.func @slices_beside_each_other(%x: tensor<2x7xf32>) -> (tensor<2x2xf32>, tensor<2x3xf32>, tensor<2x1xf32>, tensor<2x4xf32>) {
  // Gradients of the first three are one concatenation; the last overlaps with them.
  %0 = tensor.extract_slice %x[0, 4] [2, 2] [1, 1] : tensor<2x7xf32> to tensor<2x2xf32>
  %1 = tensor.extract_slice %x[0, 0] [2, 3] [1, 1] : tensor<2x7xf32> to tensor<2x3xf32>
  %2 = tensor.extract_slice %x[0, 3] [2, 1] [1, 1] : tensor<2x7xf32> to tensor<2x1xf32>
  %3 = tensor.extract_slice %x[0, 2] [2, 4] [1, 1] : tensor<2x7xf32> to tensor<2x4xf32>
  return %0, %1, %2, %3 : tensor<2x2xf32>, tensor<2x3xf32>, tensor<2x1xf32>, tensor<2x4xf32>
}

func.func @slices_of_steps(%x: tensor<4x2x6xf32>) -> (tensor<2x2x3xf32>, tensor<2x6xf32>) {
  %0 = tensor.extract_slice %x[1, 0, 0] [2, 2, 3] [2, 1, 2] : tensor<4x2x6xf32> to tensor<2x2x3xf32>
  %1 = tensor.extract_slice %x[2, 0, 0] [1, 2, 6] [1, 1, 1] : tensor<4x2x6xf32> to tensor<2x6xf32>
  return %0, %1 : tensor<2x2x3xf32>, tensor<2x6xf32>
}

func.func @insert_slice(%x: tensor<2x2xf32>, %into: tensor<4x5xf32>) -> (tensor<4x5xf32>, tensor<4x5xf32>) {
  %0 = tensor.insert_slice %x into %into[1, 2] [2, 2] [1, 1] : tensor<2x2xf32> into tensor<4x5xf32>
  %1 = tensor.insert_slice %x into %into[0, 0] [2, 2] [2, 3] : tensor<2x2xf32> into tensor<4x5xf32>
  return %0, %1 : tensor<4x5xf32>, tensor<4x5xf32>
}

func.func @transpose(%x: tensor<2x3x4xf32>) -> tensor<4x2x3xf32> {
  %empty = tensor.empty() : tensor<4x2x3xf32>
  %0 = linalg.transpose ins(%x : tensor<2x3x4xf32>) outs(%empty : tensor<4x2x3xf32>) permutation = [2, 0, 1]
  return %0 : tensor<4x2x3xf32>
}

func.func @broadcast(%v: tensor<3xf32>, %m: tensor<2x4xf32>) -> (tensor<2x3x4x2xf32>, tensor<2x3x4xf32>, tensor<5x2x4xf32>) {
  // Before and behind, between, before.
  %0 = tensor.empty() : tensor<2x3x4x2xf32>
  %1 = linalg.broadcast ins(%v : tensor<3xf32>) outs(%0 : tensor<2x3x4x2xf32>) dimensions = [0, 2, 3]
  %2 = tensor.empty() : tensor<2x3x4xf32>
  %3 = linalg.broadcast ins(%m : tensor<2x4xf32>) outs(%2 : tensor<2x3x4xf32>) dimensions = [1]
  %4 = tensor.empty() : tensor<5x2x4xf32>
  %5 = linalg.broadcast ins(%m : tensor<2x4xf32>) outs(%4 : tensor<5x2x4xf32>) dimensions = [0]
  return %1, %3, %5 : tensor<2x3x4x2xf32>, tensor<2x3x4xf32>, tensor<5x2x4xf32>
}

func.func @batch_matmul(%a: tensor<2x3x4xf32>, %b: tensor<2x4x2xf32>, %c: tensor<2x3x2xf32>) -> tensor<2x3x2xf32> {
  %0 = linalg.batch_matmul ins(%a, %b : tensor<2x3x4xf32>, tensor<2x4x2xf32>) outs(%c : tensor<2x3x2xf32>) -> tensor<2x3x2xf32>
  return %0 : tensor<2x3x2xf32>
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
