// RUN: nyala-opt %s --nyala-remove-dead-state --split-input-file --verify-diagnostics

// expected-error @below {{state 'k' is carried by two arguments}}
func.func @two_arguments(%a: tensor<?x?x16xf32> {nyala.state = "k"},
                         %b: tensor<?x?x16xf32> {nyala.state = "k"})
    -> (tensor<?x?x16xf32> {nyala.state = "k"}) {
  return %a : tensor<?x?x16xf32>
}

// -----

// expected-error @below {{state 'k' is carried by two results}}
func.func @two_results(%a: tensor<?x?x16xf32> {nyala.state = "k"})
    -> (tensor<?x?x16xf32> {nyala.state = "k"}, tensor<?x?x16xf32> {nyala.state = "k"}) {
  return %a, %a : tensor<?x?x16xf32>, tensor<?x?x16xf32>
}

// -----

// expected-error @below {{state 'k' is an argument; expected a result with its next value}}
func.func @no_result(%a: tensor<?x?x16xf32> {nyala.state = "k"}) {
  return
}

// -----

// expected-error @below {{state 'k' is a result; expected an argument with its value before}}
func.func @no_argument(%a: tensor<?x?x16xf32>) -> (tensor<?x?x16xf32> {nyala.state = "k"}) {
  return %a : tensor<?x?x16xf32>
}
