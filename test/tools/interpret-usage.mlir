// Command lines that do not fit the function: exit code 1; wrong usage: 2.
// DEFINE: %{run} = nyala-interpret %s
// RUN: not %{run} --input a=1 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: nyala-interpret: error: input 'a' is no argument: expected one of tokens, x, 2
// RUN: not %{run} --input tokens 2>&1 | FileCheck %s --check-prefix=FORM
// FORM: error: --input: expected NAME=VALUES, got 'tokens'
// RUN: not %{run} --input tokens=1 --input tokens=2 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: input 'tokens' is given twice
// RUN: not %{run} --input tokens=one 2>&1 | FileCheck %s --check-prefix=OPEN
// OPEN: error: input 'tokens': cannot open 'one'
// RUN: not %{run} --input tokens=1,,2 2>&1 | FileCheck %s --check-prefix=NUMBERS
// NUMBERS: error: input 'tokens': expected numbers, JSON arrays or a file of JSON, got '1,,2'
// RUN: not %{run} --input 'tokens=["a"]' 2>&1 | FileCheck %s --check-prefix=STRINGS
// STRINGS: error: input 'tokens': expected arrays of numbers, at most 8 deep
// RUN: not %{run} --input 'tokens={"a": 1}' 2>&1 | FileCheck %s --check-prefix=STRINGS
// RUN: not %{run} --input 'tokens=[[[[[[[[[[1]]]]]]]]]]' 2>&1 | FileCheck %s --check-prefix=STRINGS
// RUN: not %{run} --input 'x=[[1,2],[3]]' 2>&1 | FileCheck %s --check-prefix=RAGGED
// RAGGED: error: input 'x': expected arrays of 2 elements, got one of 1
// RUN: not %{run} --input 'x=[[1,2],3]' 2>&1 | FileCheck %s --check-prefix=DEPTH
// DEPTH: error: input 'x' has arrays of unequal depth
// RUN: not %{run} --input 'x=[1,[2,3]]' 2>&1 | FileCheck %s --check-prefix=DEPTH
// RUN: not %{run} --input 'x=[[1,2,3]]' 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: argument 'x' has shape [?, 2], as input [1, 3]
// RUN: not %{run} --input x=1,2,3 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: error: input 'x' has 3 values, expected shape [?, 2]
// RUN: not %{run} --input 2=1,2,3 2>&1 | FileCheck %s --check-prefix=SEVERAL
// SEVERAL: error: input '2' has several sizes open: expected nested arrays of shape [?, ?, ?]
// RUN: not %{run} --input tokens=1.5 --dim 2.2=1 2>&1 | FileCheck %s --check-prefix=INTEGER
// INTEGER: error: input 'tokens': 1.500000 is no i32
// RUN: not %{run} --input tokens=4294967296 --dim 2.2=1 2>&1 | FileCheck %s --check-prefix=RANGE
// RANGE: error: input 'tokens': 4294967296.000000 is no i32
// RUN: not %{run} 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: error: size 2 of argument '2' is not known: give --dim 2.2=SIZE
// RUN: not %{run} --dim rows 2>&1 | FileCheck %s --check-prefix=DIM
// DIM: error: --dim: expected NAME=SIZE with a size of 0..268435456, got 'rows'
// RUN: not %{run} --dim rows=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: error: --dim: expected NAME=SIZE with a size of 0..268435456, got 'rows=-1'
// RUN: not %{run} --dim bows=1 2>&1 | FileCheck %s --check-prefix=BOWS
// BOWS: error: --dim 'bows' is no size: expected rows, wanted, sequences, slots, start or ARGUMENT.DIMENSION
// RUN: not %{run} --dim x.1=3 2>&1 | FileCheck %s --check-prefix=STATIC
// STATIC: error: --dim x.1=3: the argument has shape [?, 2]
// RUN: not %{run} --dim x.2=3 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: error: --dim x.2: the argument has shape [?, 2]
// RUN: not %{run} --dim rows=3 --input tokens=1,2 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: error: --dim rows=3: an argument has 2
// RUN: not %{run} --entry other --input 0=1 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: error: argument '0' is of a type that the interpreter does not know

// RUN: sh -c 'nyala-interpret; test $? = 2'
// RUN: sh -c 'nyala-interpret %s %s; test $? = 2'
// RUN: sh -c 'nyala-interpret %s --compare; test $? = 2'
// RUN: sh -c 'nyala-interpret %s --precision f16; test $? = 2'
// RUN: sh -c 'nyala-interpret %s --tolerance much; test $? = 2'
// RUN: sh -c 'nyala-interpret %s --tolerance -1; test $? = 2'
// RUN: sh -c 'nyala-interpret %s --no-such-option; test $? = 2'

func.func @forward(%tokens: tensor<?xi32> {nyala.role = "tokens"},
                   %x: tensor<?x2xf32> {nyala.role = "x"}, %cache: tensor<?x?x?xf32>) {
  return
}
func.func @other(%x: none) {
  return
}
