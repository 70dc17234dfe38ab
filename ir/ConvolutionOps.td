//===- ConvolutionOps.td - Ops of convolutional networks ----*- tablegen -*-===//
#ifndef NYALA_IR_CONVOLUTIONOPS_TD
#define NYALA_IR_CONVOLUTIONOPS_TD

include "ir/ImageOpBase.td"

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

def Nyala_ConvolutionOp : Nyala_ImageOp<"convolution"> {
  let summary = "a two-dimensional convolution of images";
  let description = [{
    Of images of C channels with `groups` g and filters of shape [O, C/g, KH, KW], where channel o of the result belongs to group
    `o / (O/g)`, over all channels c of a group and places (i, j) of a filter:

    `result[n, o, y, x] = sum_{c,i,j} weight[o, c, i, j] * input[n, group * C/g + c,
       y * strides[0] + i * dilations[0] - pads[0], x * strides[1] + j * dilations[1] - pads[1]] (+ bias[o])`.

    The image is surrounded by zeros: `pads` rows and columns of them at the top, left, bottom and right. There are as many results
    as windows fit. With respect to the input the gradient is the `nyala.transposed_convolution` of the result's
    with the same weight and attributes.

    ```mlir
    %y = nyala.convolution %x, %w bias %b {strides = array<i64: 2, 2>, pads = array<i64: 3, 3, 3, 3>}
       : tensor<1x3x224x224xf32>, tensor<64x3x7x7xf32>, tensor<64xf32> -> tensor<1x64x112x112xf32>
    ```
  }];
  let arguments =
      !con((ins Nyala_Images:$input, Nyala_Filters:$weight, Optional<Nyala_Vector>:$bias),
           Nyala_Window<>.parameters, (ins DefaultValuedAttr<I64Attr, "1">:$groups));
  let results = (outs Nyala_Images:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? attr-dict `:` type($input) `,` type($weight)
    (`,` type($bias)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def Nyala_TransposedConvolutionOp : Nyala_ImageOp<"transposed_convolution"> {
  let summary = "the transpose of a convolution";
  let description = [{
    What `nyala.convolution` with the same attributes and weight gathers, scattered: each element of the input, times the filters of
    its channel, is added to the result at the places that the convolution of the result would read.
    Of images of C channels and a weight of shape [C, O/g, KH, KW] the result has O channels. Its size is one for which
    that convolution gives the size of the input; with strides there are several.

    ```mlir
    %y = nyala.transposed_convolution %x, %w {strides = array<i64: 2, 2>}
       : tensor<1x64x28x28xf32>, tensor<64x32x2x2xf32> -> tensor<1x32x56x56xf32>
    ```
  }];
  let arguments =
      !con((ins Nyala_Images:$input, Nyala_Filters:$weight, Optional<Nyala_Vector>:$bias),
           Nyala_Window<>.parameters, (ins DefaultValuedAttr<I64Attr, "1">:$groups));
  let results = (outs Nyala_Images:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? attr-dict `:` type($input) `,` type($weight)
    (`,` type($bias)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

def Nyala_PoolOp : Nyala_ImageOp<"pool"> {
  let summary = "the maximum or average of each window of each channel";
  let description = [{
    Windows of `window` rows and columns move as those of `nyala.convolution`, but what lies outside the image takes no part; with `count_pads`
    an average counts it as zeros as far as `pads` reach. Where the last window of a row or column does not fit, the
    result's size says whether it is cut (ceiling) or left out (floor). Global pooling has one window as large as the image.

    ```mlir
    %y = nyala.pool max %x {window = array<i64: 3, 3>, strides = array<i64: 2, 2>}
       : tensor<1x64x112x112xf32> -> tensor<1x64x55x55xf32>
    %m = nyala.pool average %z {window = array<i64: 7, 7>} : tensor<1x64x7x7xf32> -> tensor<1x64x1x1xf32>
    ```
  }];
  let arguments =
      !con((ins Nyala_PoolKindAttr:$kind, Nyala_Images:$input, DenseI64ArrayAttr:$window),
           Nyala_Window<>.parameters, (ins UnitAttr:$count_pads));
  let results = (outs Nyala_Images:$result);
  let assemblyFormat = "`` $kind $input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

def Nyala_BatchNormOp
    : Nyala_ImageOp<"batch_norm", [AllTypesMatch<["input", "result"]>,
                                   AllTypesMatch<["scale", "bias", "mean", "variance"]>]> {
  let summary = "batch normalization by known statistics";
  let description = [{
    Of each channel c, the second dimension:
    `result = (input - mean[c]) / sqrt(variance[c] + epsilon) * scale[c] + bias[c]` (Ioffe and Szegedy 2015, as in inference).
    `momentum` is that of the moving averages which training makes of a batch's statistics.

    ```mlir
    %n = nyala.batch_norm %x scale %s bias %b mean %m variance %v {epsilon = 1.0e-5 : f32}
       : tensor<1x64x56x56xf32>, tensor<64xf32>
    ```
  }];
  let arguments = (ins Nyala_Planes:$input, Nyala_Vector:$scale, Nyala_Vector:$bias,
      Nyala_Vector:$mean, Nyala_Vector:$variance, F32Attr:$epsilon,
      DefaultValuedAttr<F32Attr, "0.9f">:$momentum);
  let results = (outs Nyala_Planes:$result);
  let assemblyFormat = [{
    $input `scale` $scale `bias` $bias `mean` $mean `variance` $variance attr-dict
    `:` type($input) `,` type($scale)
  }];
  let hasVerifier = 1;
}

def Nyala_LocalResponseNormOp
    : Nyala_ImageOp<"local_response_norm", [AllTypesMatch<["input", "result"]>]> {
  let summary = "normalization by the squares of neighbouring channels";
  let description = [{
    `result[n, c, …] = input[n, c, …] / (bias + alpha / size * sum_k input[n, k, …]^2)^beta` over the channels k from
    `c - floor((size - 1) / 2)` to `c + ceil((size - 1) / 2)` that there are (Krizhevsky et al. 2012, section 3.3, whose
    alpha is `alpha / size`).

    ```mlir
    %n = nyala.local_response_norm %x
       {size = 5, alpha = 1.0e-4 : f32, beta = 0.75 : f32, bias = 1.0 : f32} : tensor<1x96x54x54xf32>
    ```
  }];
  let arguments = (ins Nyala_Planes:$input, I64Attr:$size, F32Attr:$alpha, F32Attr:$beta,
      F32Attr:$bias);
  let results = (outs Nyala_Planes:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Resizing
//===----------------------------------------------------------------------===//

def Nyala_ResizeOp : Nyala_ImageOp<"resize"> {
  let summary = "images in another size";
  let description = [{
    Row y of the result lies at row `coordinates(y)` of the input, where `scale` is `scales[0]`, `in` and `out` are the numbers of
    rows; columns likewise by `scales[1]`:

      - `half_pixel`: `(y + 0.5) / scale - 0.5`,
      - `pytorch_half_pixel`: the same, but 0 if `out` is 1,
      - `align_corners`: `y * (in - 1) / (out - 1)`, 0 if `out` is 1,
      - `asymmetric`: `y / scale`.

    `nearest` takes the pixel that `rounding` finds (half_down: `ceil(c - 0.5)`, half_up: `floor(c + 0.5)`, floor, ceil), `linear` weighs
    the four around, `rounding` being of no effect. Beyond the edge lies the edge's pixel. Linear in the input:
    its gradient is the transpose.

    ```mlir
    %y = nyala.resize nearest %x {coordinates = #nyala<resize_coordinates asymmetric>,
         rounding = #nyala<resize_rounding floor>, scales = array<f64: 2.0, 2.0>}
       : tensor<1x64x28x28xf32> -> tensor<1x64x56x56xf32>
    ```
  }];
  let arguments = (ins Nyala_ResizeKindAttr:$kind, Nyala_Images:$input,
      Nyala_ResizeCoordinatesAttr:$coordinates,
      DefaultValuedAttr<Nyala_ResizeRoundingAttr, "::nyala::ResizeRounding::HalfDown">:$rounding,
      DenseF64ArrayAttr:$scales);
  let results = (outs Nyala_Images:$result);
  let assemblyFormat = "`` $kind $input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

#endif // NYALA_IR_CONVOLUTIONOPS_TD
