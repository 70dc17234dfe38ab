// What each model op means, on small inputs. Expected values were computed with numpy in f64 from
// formulas written independently of the interpreter, and are compared to nine digits.
// RUN: nyala-interpret %s --precision f64 | FileCheck %s

// CHECK-LABEL: {{^}}embedding: 3x2xf32{{$}}
// CHECK-NEXT: {{^}}  [5, 6]{{$}}
// CHECK-NEXT: {{^}}  [1, 2]{{$}}
// CHECK-NEXT: {{^}}  [5, 6]{{$}}
func.func @embedding() -> tensor<3x2xf32> {
  %t = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %i = arith.constant dense<[2, 0, 2]> : tensor<3xi32>
  %0 = nyala.embedding %i, %t : tensor<3xi32>, tensor<3x2xf32> -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

// CHECK-LABEL: {{^}}gather: 1x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.25, 4, -1, 2]{{$}}
func.func @gather() -> tensor<1x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %i = arith.constant dense<[1]> : tensor<1xi32>
  %0 = nyala.gather %x, %i : tensor<2x4xf32>, tensor<1xi32> -> tensor<1x4xf32>
  return %0 : tensor<1x4xf32>
}

// CHECK-LABEL: {{^}}gather_ids: 2xi32{{$}}
// CHECK-NEXT: {{^}}  [9, 5]{{$}}
func.func @gather_ids() -> tensor<2xi32> {
  %x = arith.constant dense<[5, 7, 9]> : tensor<3xi32>
  %i = arith.constant dense<[2, 0]> : tensor<2xi32>
  %0 = nyala.gather %x, %i : tensor<3xi32>, tensor<2xi32> -> tensor<2xi32>
  return %0 : tensor<2xi32>
}

// CHECK-LABEL: {{^}}split.0: 2x1xf32{{$}}
// CHECK-NEXT: {{^}}  [1]{{$}}
// CHECK-NEXT: {{^}}  [0.25]{{$}}
// CHECK-LABEL: {{^}}split.1: 2x3xf32{{$}}
// CHECK-NEXT: {{^}}  [-2, 3, 0.5]{{$}}
// CHECK-NEXT: {{^}}  [4, -1, 2]{{$}}
func.func @split() -> (tensor<2x1xf32>, tensor<2x3xf32>) {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %0:2 = nyala.split %x : tensor<2x4xf32> -> tensor<2x1xf32>, tensor<2x3xf32>
  return %0#0, %0#1 : tensor<2x1xf32>, tensor<2x3xf32>
}

// CHECK-LABEL: {{^}}linear: 2x3xf32{{$}}
// CHECK-NEXT: {{^}}  [8, -2.5, 1.25]{{$}}
// CHECK-NEXT: {{^}}  [13.25, 2, 2.625]{{$}}
func.func @linear() -> tensor<2x3xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %m = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, -1.0], [0.5, 0.5, 0.5, 0.5]]> : tensor<3x4xf32>
  %0 = nyala.linear %x, %m : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: {{^}}linear_bias: 2x3xf32{{$}}
// CHECK-NEXT: {{^}}  [18, 17.5, 31.25]{{$}}
// CHECK-NEXT: {{^}}  [23.25, 22, 32.625]{{$}}
func.func @linear_bias() -> tensor<2x3xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %m = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 0.0, -1.0], [0.5, 0.5, 0.5, 0.5]]> : tensor<3x4xf32>
  %b = arith.constant dense<[10.0, 20.0, 30.0]> : tensor<3xf32>
  %0 = nyala.linear %x, %m bias %b : tensor<2x4xf32>, tensor<3x4xf32>, tensor<3xf32> -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: {{^}}pack: 2x2xf32{{$}}
// CHECK-NEXT: {{^}}  [1, 2]{{$}}
// CHECK-NEXT: {{^}}  [3, 4]{{$}}
func.func @pack() -> tensor<2x2xf32, #nyala.packed<f32>> {
  %m = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %0 = nyala.pack %m : tensor<2x2xf32> -> tensor<2x2xf32, #nyala.packed<f32>>
  return %0 : tensor<2x2xf32, #nyala.packed<f32>>
}

// CHECK-LABEL: {{^}}rms_norm: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.496138938{{[0-9]*}}, -1.98455575{{[0-9]*}}, 0.744208407{{[0-9]*}}, -0.248069469{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.104115841{{[0-9]*}}, 3.33170692{{[0-9]*}}, -0.208231682{{[0-9]*}}, -0.832926730{{[0-9]*}}]{{$}}
func.func @rms_norm() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %w = arith.constant dense<[1.0, 2.0, 0.5, -1.0]> : tensor<4xf32>
  %0 = nyala.rms_norm %x, %w {epsilon = 0.5 : f32} : tensor<2x4xf32>, tensor<4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}rms_norm_groups: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.577350269{{[0-9]*}}, -2.30940107{{[0-9]*}}, 1.32517831{{[0-9]*}}, 0.441726104{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.0855920985{{[0-9]*}}, 2.73894715{{[0-9]*}}, -0.577350269{{[0-9]*}}, 2.30940107{{[0-9]*}}]{{$}}
func.func @rms_norm_groups() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %w = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = nyala.rms_norm %x, %w {epsilon = 0.5 : f32, groups = 2 : i64} : tensor<2x4xf32>, tensor<2xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}layer_norm: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.195698421{{[0-9]*}}, -2.73977790{{[0-9]*}}, 0.619711669{{[0-9]*}}, 0.0652328073{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.528419391{{[0-9]*}}, 2.67318045{{[0-9]*}}, -0.575044631{{[0-9]*}}, -0.341918429{{[0-9]*}}]{{$}}
func.func @layer_norm() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %w = arith.constant dense<[1.0, 2.0, 0.5, -1.0]> : tensor<4xf32>
  %0 = nyala.layer_norm %x, %w {epsilon = 0.5 : f32} : tensor<2x4xf32>, tensor<4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}layer_norm_bias: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.695698421{{[0-9]*}}, -2.73977790{{[0-9]*}}, -0.380288330{{[0-9]*}}, 0.315232807{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.0284193913{{[0-9]*}}, 2.67318045{{[0-9]*}}, -1.57504463{{[0-9]*}}, -0.0919184296{{[0-9]*}}]{{$}}
func.func @layer_norm_bias() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %w = arith.constant dense<[1.0, 2.0, 0.5, -1.0]> : tensor<4xf32>
  %b = arith.constant dense<[0.5, 0.0, -1.0, 0.25]> : tensor<4xf32>
  %0 = nyala.layer_norm %x, %w bias %b {epsilon = 0.5 : f32} : tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}silu: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.731058578{{[0-9]*}}, -0.238405844{{[0-9]*}}, 2.85772238{{[0-9]*}}, 0.311229665{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.140544125{{[0-9]*}}, 3.92805516{{[0-9]*}}, -0.268941421{{[0-9]*}}, 1.76159415{{[0-9]*}}]{{$}}
func.func @silu() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %0 = nyala.activation silu %x : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}gelu: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.841344746{{[0-9]*}}, -0.0455002638{{[0-9]*}}, 2.99595030{{[0-9]*}}, 0.345731230{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.149676581{{[0-9]*}}, 3.99987331{{[0-9]*}}, -0.158655253{{[0-9]*}}, 1.95449973{{[0-9]*}}]{{$}}
func.func @gelu() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %0 = nyala.activation gelu %x : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}gelu_tanh: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.841191990{{[0-9]*}}, -0.0454023059{{[0-9]*}}, 2.99636260{{[0-9]*}}, 0.345714009{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.149675350{{[0-9]*}}, 3.99992975{{[0-9]*}}, -0.158808009{{[0-9]*}}, 1.95459769{{[0-9]*}}]{{$}}
func.func @gelu_tanh() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %0 = nyala.activation gelu_tanh %x : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}relu: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [1, 0, 3, 0.5]{{$}}
// CHECK-NEXT: {{^}}  [0.25, 4, 0, 2]{{$}}
func.func @relu() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %0 = nyala.activation relu %x : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}gated_activation: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.365529289{{[0-9]*}}, -0.715217532{{[0-9]*}}, -5.71544476{{[0-9]*}}, 0.311229665{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.281088250{{[0-9]*}}, -3.92805516{{[0-9]*}}, -1.07576568{{[0-9]*}}, 0.440398538{{[0-9]*}}]{{$}}
func.func @gated_activation() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %y = arith.constant dense<[[0.5, 3.0, -2.0, 1.0], [2.0, -1.0, 4.0, 0.25]]> : tensor<2x4xf32>
  %0 = nyala.gated_activation silu %x, %y : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}softmax: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [0.110553750{{[0-9]*}}, 0.00550414712{{[0-9]*}}, 0.816887863{{[0-9]*}}, 0.0670542391{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [0.0201766711{{[0-9]*}}, 0.857933889{{[0-9]*}}, 0.00578071307{{[0-9]*}}, 0.116108725{{[0-9]*}}]{{$}}
func.func @softmax() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %0 = nyala.softmax %x : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}reduce_sum: 2x1xf32{{$}}
// CHECK-NEXT: {{^}}  [2.5]{{$}}
// CHECK-NEXT: {{^}}  [5.25]{{$}}
func.func @reduce_sum() -> tensor<2x1xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %0 = nyala.reduce sum %x : tensor<2x4xf32> -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: {{^}}reduce_mean: 2x1xf32{{$}}
// CHECK-NEXT: {{^}}  [0.625]{{$}}
// CHECK-NEXT: {{^}}  [1.3125]{{$}}
func.func @reduce_mean() -> tensor<2x1xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %0 = nyala.reduce mean %x : tensor<2x4xf32> -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: {{^}}reduce_max: 2x1xf32{{$}}
// CHECK-NEXT: {{^}}  [3]{{$}}
// CHECK-NEXT: {{^}}  [4]{{$}}
func.func @reduce_max() -> tensor<2x1xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %0 = nyala.reduce max %x : tensor<2x4xf32> -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// CHECK-LABEL: {{^}}rope_adjacent: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [1.40244801{{[0-9]*}}, 1.74159109{{[0-9]*}}, 2.84086506{{[0-9]*}}, 1.08604128{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.811978156{{[0-9]*}}, -3.92468998{{[0-9]*}}, -1.54637690{{[0-9]*}}, 1.61515276{{[0-9]*}}]{{$}}
func.func @rope_adjacent() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %p = arith.constant dense<[2, 3]> : tensor<2xi32>
  %0 = nyala.rope adjacent %x at %p {heads = 1, dims = 4, base = 100.0} : tensor<2x4xf32>, tensor<2xi32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}rope_half: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [-3.14403911{{[0-9]*}}, -2.05946782{{[0-9]*}}, -0.339143082{{[0-9]*}}, 0.0926946211{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.106378116{{[0-9]*}}, 3.23030552{{[0-9]*}}, 1.02527249{{[0-9]*}}, 3.09275381{{[0-9]*}}]{{$}}
func.func @rope_half() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %p = arith.constant dense<[2, 3]> : tensor<2xi32>
  %0 = nyala.rope half %x at %p {heads = 1, dims = 4, base = 100.0} : tensor<2x4xf32>, tensor<2xi32>
  return %0 : tensor<2x4xf32>
}

// Two heads, whose last two channels pass through; the frequency is 0.5 * 1 / 2.
// CHECK-LABEL: {{^}}rope_part: 2x8xf32{{$}}
// CHECK-NEXT: {{^}}  [1.83643363{{[0-9]*}}, -1.27573958{{[0-9]*}}, 3, 0.5, 1.83643363{{[0-9]*}}, -1.27573958{{[0-9]*}}, 3, 0.5]{{$}}
// CHECK-NEXT: {{^}}  [-2.54363282{{[0-9]*}}, 3.09716516{{[0-9]*}}, -1, 2, -2.54363282{{[0-9]*}}, 3.09716516{{[0-9]*}}, -1, 2]{{$}}
func.func @rope_part() -> tensor<2x8xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5, 1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0, 0.25, 4.0, -1.0, 2.0]]> : tensor<2x8xf32>
  %p = arith.constant dense<[2, 3]> : tensor<2xi32>
  %0 = nyala.rope half %x at %p {heads = 2, dims = 2, base = 100.0, scale = 0.5 : f64, factors = array<f32: 2.0>} : tensor<2x8xf32>, tensor<2xi32>
  return %0 : tensor<2x8xf32>
}

// CHECK-LABEL: {{^}}rope_table: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [-0.416146836{{[0-9]*}}, 0.980066577{{[0-9]*}}, 0.909297426{{[0-9]*}}, 0.198669333{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.989992496{{[0-9]*}}, 0.955336487{{[0-9]*}}, 0.141120008{{[0-9]*}}, 0.295520210{{[0-9]*}}]{{$}}
func.func @rope_table() -> tensor<2x4xf32> {
  %p = arith.constant dense<[2, 3]> : tensor<2xi32>
  %0 = nyala.rope_table %p {dims = 4, base = 100.0} : tensor<2xi32> -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}rotate_adjacent: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [2, 1, 1.375, 1]{{$}}
// CHECK-NEXT: {{^}}  [0.25, 4, 0, 5]{{$}}
func.func @rotate_adjacent() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %t = arith.constant dense<[[0.0, 0.5, 1.0, 0.25], [1.0, 2.0, 0.0, -1.0]]> : tensor<2x4xf32>
  %0 = nyala.rotate adjacent %x by %t {heads = 1} : tensor<2x4xf32>, tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}rotate_half: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [-3, -1.125, 1, -0.25]{{$}}
// CHECK-NEXT: {{^}}  [0.25, 10, -1, 0]{{$}}
func.func @rotate_half() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %t = arith.constant dense<[[0.0, 0.5, 1.0, 0.25], [1.0, 2.0, 0.0, -1.0]]> : tensor<2x4xf32>
  %0 = nyala.rotate half %x by %t {heads = 1} : tensor<2x4xf32>, tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// The second row has no slot and goes nowhere.
// CHECK-LABEL: {{^}}cache_append: 2x3x2xf32{{$}}
// CHECK-NEXT: {{^}}  [7, 8]{{$}}
// CHECK-NEXT: {{^}}  [0, 1]{{$}}
// CHECK-NEXT: {{^}}  [1, 1]{{$}}
// CHECK-NEXT: {{^}}  [2, 0]{{$}}
// CHECK-NEXT: {{^}}  [0, -1]{{$}}
// CHECK-NEXT: {{^}}  [5, 6]{{$}}
func.func @cache_append() -> tensor<2x3x2xf32> {
  %c = arith.constant dense<[[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, -1.0], [9.0, 9.0]]]> : tensor<2x3x2xf32>
  %x = arith.constant dense<[[5.0, 6.0], [3.0, 4.0], [7.0, 8.0]]> : tensor<3x2xf32>
  %s = arith.constant dense<[2, -1, 0]> : tensor<3xi32>
  %q = arith.constant dense<[1, 0, 0]> : tensor<3xi32>
  %0 = nyala.cache_append %c, %x at %s in %q : tensor<2x3x2xf32>, tensor<3x2xf32>, tensor<3xi32>, tensor<3xi32>
  return %0 : tensor<2x3x2xf32>
}

// Slot 1 gets a block with the scale 1; ties go to even integers.
// CHECK-LABEL: {{^}}cache_append_q8: 1x2x32xf32{{$}}
// CHECK-NEXT: {{^}}  [0, 0, 0, 0, 0, 0, {{.*}}]{{$}}
// CHECK-NEXT: {{^}}  [127, -8, 0, 2, 8, -3, 0, {{.*}}]{{$}}
func.func @cache_append_q8() -> tensor<1x2x32xf32, #nyala.blocks<q8_0>> {
  %c = arith.constant dense<0.0> : tensor<1x2x32xf32, #nyala.blocks<q8_0>>
  %x = arith.constant dense<[[127.0, -8.0, 0.5, 1.5, 7.75, -3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x32xf32>
  %s = arith.constant dense<1> : tensor<1xi32>
  %q = arith.constant dense<0> : tensor<1xi32>
  %0 = nyala.cache_append %c, %x at %s in %q : tensor<1x2x32xf32, #nyala.blocks<q8_0>>, tensor<1x32xf32>, tensor<1xi32>, tensor<1xi32>
  return %0 : tensor<1x2x32xf32, #nyala.blocks<q8_0>>
}

// The largest, -8, is exact; 7.75 stays at 7, the end of the other side. Attention reads these values.
// CHECK-LABEL: {{^}}attention_q4: 1x32xf32{{$}}
// CHECK-NEXT: {{^}}  [-8, 0, 2, 7, -3, 0, {{.*}}]{{$}}
func.func @attention_q4() -> tensor<1x32xf32> {
  %c = arith.constant dense<0.0> : tensor<1x1x32xf32, #nyala.blocks<q4_0>>
  %x = arith.constant dense<[[-8.0, 0.5, 1.5, 7.75, -3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x32xf32>
  %s = arith.constant dense<0> : tensor<1xi32>
  %0 = nyala.cache_append %c, %x at %s in %s : tensor<1x1x32xf32, #nyala.blocks<q4_0>>, tensor<1x32xf32>, tensor<1xi32>, tensor<1xi32>
  %1 = nyala.attention %x, %0, %0 at %s in %s
      {heads = 2, kv_heads = 2, scale = 0.5 : f32, mask = #nyala.mask<causal>}
      : tensor<1x32xf32>, tensor<1x1x32xf32, #nyala.blocks<q4_0>>, tensor<1x1x32xf32, #nyala.blocks<q4_0>>, tensor<1xi32>, tensor<1xi32> -> tensor<1x32xf32>
  return %1 : tensor<1x32xf32>
}

// CHECK-LABEL: {{^}}attention: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [2.20538435{{[0-9]*}}, 3.20538435{{[0-9]*}}, 3.22098586{{[0-9]*}}, 4.22098586{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.237204280{{[0-9]*}}, 0.0953494648{{[0-9]*}}, 3, 0.5]{{$}}
func.func @attention() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %c = arith.constant dense<[[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, -1.0], [9.0, 9.0]]]> : tensor<2x3x2xf32>
  %v = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[-1.0, 0.0], [7.0, 1.0], [9.0, 9.0]]]> : tensor<2x3x2xf32>
  %p = arith.constant dense<[2, 1]> : tensor<2xi32>
  %s = arith.constant dense<[0, 1]> : tensor<2xi32>
  %0 = nyala.attention %x, %c, %v at %p in %s
      {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal>}
      : tensor<2x4xf32>, tensor<2x3x2xf32>, tensor<2x3x2xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// CHECK-LABEL: {{^}}attention_window: 2x4xf32{{$}}
// CHECK-NEXT: {{^}}  [4.24491866{{[0-9]*}}, 5.24491866{{[0-9]*}}, 4.63514895{{[0-9]*}}, 5.63514895{{[0-9]*}}]{{$}}
// CHECK-NEXT: {{^}}  [-0.237204280{{[0-9]*}}, 0.0953494648{{[0-9]*}}, 3, 0.5]{{$}}
func.func @attention_window() -> tensor<2x4xf32> {
  %x = arith.constant dense<[[1.0, -2.0, 3.0, 0.5], [0.25, 4.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %c = arith.constant dense<[[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, -1.0], [9.0, 9.0]]]> : tensor<2x3x2xf32>
  %v = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[-1.0, 0.0], [7.0, 1.0], [9.0, 9.0]]]> : tensor<2x3x2xf32>
  %p = arith.constant dense<[2, 1]> : tensor<2xi32>
  %s = arith.constant dense<[0, 1]> : tensor<2xi32>
  %0 = nyala.attention %x, %c, %v at %p in %s
      {heads = 2, kv_heads = 1, scale = 0.5 : f32, mask = #nyala.mask<causal, window = 2>}
      : tensor<2x4xf32>, tensor<2x3x2xf32>, tensor<2x3x2xf32>, tensor<2xi32>, tensor<2xi32> -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

func.func @forward() -> (
    tensor<3x2xf32> {nyala.result = "embedding"},
    tensor<1x4xf32> {nyala.result = "gather"},
    tensor<2xi32> {nyala.result = "gather_ids"},
    tensor<2x1xf32> {nyala.result = "split.0"},
    tensor<2x3xf32> {nyala.result = "split.1"},
    tensor<2x3xf32> {nyala.result = "linear"},
    tensor<2x3xf32> {nyala.result = "linear_bias"},
    tensor<2x2xf32, #nyala.packed<f32>> {nyala.result = "pack"},
    tensor<2x4xf32> {nyala.result = "rms_norm"},
    tensor<2x4xf32> {nyala.result = "rms_norm_groups"},
    tensor<2x4xf32> {nyala.result = "layer_norm"},
    tensor<2x4xf32> {nyala.result = "layer_norm_bias"},
    tensor<2x4xf32> {nyala.result = "silu"},
    tensor<2x4xf32> {nyala.result = "gelu"},
    tensor<2x4xf32> {nyala.result = "gelu_tanh"},
    tensor<2x4xf32> {nyala.result = "relu"},
    tensor<2x4xf32> {nyala.result = "gated_activation"},
    tensor<2x4xf32> {nyala.result = "softmax"},
    tensor<2x1xf32> {nyala.result = "reduce_sum"},
    tensor<2x1xf32> {nyala.result = "reduce_mean"},
    tensor<2x1xf32> {nyala.result = "reduce_max"},
    tensor<2x4xf32> {nyala.result = "rope_adjacent"},
    tensor<2x4xf32> {nyala.result = "rope_half"},
    tensor<2x8xf32> {nyala.result = "rope_part"},
    tensor<2x4xf32> {nyala.result = "rope_table"},
    tensor<2x4xf32> {nyala.result = "rotate_adjacent"},
    tensor<2x4xf32> {nyala.result = "rotate_half"},
    tensor<2x3x2xf32> {nyala.result = "cache_append"},
    tensor<1x2x32xf32, #nyala.blocks<q8_0>> {nyala.result = "cache_append_q8"},
    tensor<1x32xf32> {nyala.result = "attention_q4"},
    tensor<2x4xf32> {nyala.result = "attention"},
    tensor<2x4xf32> {nyala.result = "attention_window"}) {
  %0 = call @embedding() : () -> tensor<3x2xf32>
  %1 = call @gather() : () -> tensor<1x4xf32>
  %ids = call @gather_ids() : () -> tensor<2xi32>
  %2:2 = call @split() : () -> (tensor<2x1xf32>, tensor<2x3xf32>)
  %3 = call @linear() : () -> tensor<2x3xf32>
  %4 = call @linear_bias() : () -> tensor<2x3xf32>
  %5 = call @pack() : () -> tensor<2x2xf32, #nyala.packed<f32>>
  %6 = call @rms_norm() : () -> tensor<2x4xf32>
  %7 = call @rms_norm_groups() : () -> tensor<2x4xf32>
  %8 = call @layer_norm() : () -> tensor<2x4xf32>
  %9 = call @layer_norm_bias() : () -> tensor<2x4xf32>
  %10 = call @silu() : () -> tensor<2x4xf32>
  %11 = call @gelu() : () -> tensor<2x4xf32>
  %12 = call @gelu_tanh() : () -> tensor<2x4xf32>
  %13 = call @relu() : () -> tensor<2x4xf32>
  %14 = call @gated_activation() : () -> tensor<2x4xf32>
  %15 = call @softmax() : () -> tensor<2x4xf32>
  %16 = call @reduce_sum() : () -> tensor<2x1xf32>
  %17 = call @reduce_mean() : () -> tensor<2x1xf32>
  %18 = call @reduce_max() : () -> tensor<2x1xf32>
  %19 = call @rope_adjacent() : () -> tensor<2x4xf32>
  %20 = call @rope_half() : () -> tensor<2x4xf32>
  %21 = call @rope_part() : () -> tensor<2x8xf32>
  %22 = call @rope_table() : () -> tensor<2x4xf32>
  %23 = call @rotate_adjacent() : () -> tensor<2x4xf32>
  %24 = call @rotate_half() : () -> tensor<2x4xf32>
  %25 = call @cache_append() : () -> tensor<2x3x2xf32>
  %26 = call @cache_append_q8() : () -> tensor<1x2x32xf32, #nyala.blocks<q8_0>>
  %27 = call @attention_q4() : () -> tensor<1x32xf32>
  %28 = call @attention() : () -> tensor<2x4xf32>
  %29 = call @attention_window() : () -> tensor<2x4xf32>
  return %0, %1, %ids, %2#0, %2#1, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29
      : tensor<3x2xf32>, tensor<1x4xf32>, tensor<2xi32>, tensor<2x1xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x2xf32, #nyala.packed<f32>>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x8xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x3x2xf32>, tensor<1x2x32xf32, #nyala.blocks<q8_0>>, tensor<1x32xf32>, tensor<2x4xf32>, tensor<2x4xf32>
}
